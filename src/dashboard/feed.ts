/**
 * What has changed since the page was last told: whole rows that are new or different, and keys of those that are gone. Pure:
 * whoever calls says when.
 *
 * Rules: all pages are told the same, so changes are worked out once; a page that comes later begins with all there is.
 * Rows are compared as JSON text, which is also what is sent.
 */

import type { EventRow, LabView } from "./types.ts";

/** Events that a page begins with. */
const EVENTS_KEPT = 200;
/** Events in one message: when a whole lab is switched on, a reader wants the last ones. */
const EVENTS_AT_ONCE = 100;

/** The rows of one kind, as they were last told. */
class Table<Row> {
  #told = new Map<string, string>();

  constructor(private rows: () => Iterable<Row>, private keyOf: (row: Row) => string) {}

  /** What is different; undefined when nothing is. */
  step(): string | undefined {
    const set: string[] = [];
    const gone = new Set(this.#told.keys());
    for (const row of this.rows()) {
      const key = this.keyOf(row);
      const text = JSON.stringify(row);
      gone.delete(key);
      if (this.#told.get(key) === text) continue;
      this.#told.set(key, text);
      set.push(text);
    }
    for (const key of gone) this.#told.delete(key);
    if (set.length === 0 && gone.size === 0) return undefined;
    return `{"set":[${set.join(",")}],"gone":${JSON.stringify([...gone])}}`;
  }

  /** All rows as they were last told. */
  all(): string {
    return `{"set":[${[...this.#told.values()].join(",")}],"gone":[]}`;
  }
}

/** The last things that happened. */
export class EventList {
  #events: EventRow[] = [];
  #n = 0;

  /** One more; the oldest goes where they are too many. */
  add(event: Omit<EventRow, "n">): void {
    this.#events.push({ n: ++this.#n, ...event });
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
  }

  /** Those after a number, the last ones if they are many. */
  after(n: number): EventRow[] {
    return this.#events.filter((event) => event.n > n).slice(-EVENTS_AT_ONCE);
  }

  /** All that are kept, the oldest first. */
  all(): readonly EventRow[] {
    return this.#events;
  }
}

/** What pages are told. */
export class Feed {
  #tables: Record<string, { step(): string | undefined; all(): string }>;
  #lastEvent = 0;
  #files = "";

  /** @param files the files as a whole; the lists themselves are asked for by page. */
  constructor(view: LabView, private events: EventList, private files: () => unknown) {
    this.#tables = {
      peers: new Table(() => view.peers(), ({ name }) => name),
      broadcasts: new Table(() => view.broadcasts(), ({ id }) => id),
      transfers: new Table(() => view.transfers(), ({ id }) => id),
    };
  }

  /** What has changed since the last step, as JSON; undefined when nothing has. */
  step(): string | undefined {
    const parts: string[] = [];
    for (const [name, table] of Object.entries(this.#tables)) {
      const changes = table.step();
      if (changes !== undefined) parts.push(`"${name}":${changes}`);
    }
    const events = this.events.after(this.#lastEvent);
    if (events.length > 0) {
      this.#lastEvent = events.at(-1)!.n;
      parts.push(`"events":${JSON.stringify(events)}`);
    }
    const files = JSON.stringify(this.files());
    if (files !== this.#files) parts.push(`"files":${this.#files = files}`);
    return parts.length === 0 ? undefined : `{${parts.join(",")}}`;
  }

  /** All as it was at the last step, as JSON. */
  all(): string {
    const parts = Object.entries(this.#tables).map(([name, table]) => `"${name}":${table.all()}`);
    const events = this.events.all().filter(({ n }) => n <= this.#lastEvent);
    return `{${
      [...parts, `"events":${JSON.stringify(events)}`, `"files":${this.#files || "null"}`].join(",")
    }}`;
  }
}
