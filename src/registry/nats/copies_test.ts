/** Copies of the registry that differ: which of them is read, and which one is said to be wrong. NATS is played here. */

import { assertEquals, assertMatch } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/log.ts";
import type { ConsumerConfig, JetStreamManager, Msg, NatsConnection } from "../../deps/nats.ts";
import { Copies, wrongOnes } from "./copies.ts";
import type { Mark } from "./link.ts";
import { Reading, WRITER } from "./reading.ts";

const BUCKET = "lab";
const KEY = "mark.here";

interface Message {
  key: string;
  seq: number;
  writer: string;
}

/** Three servers of NATS, of which one leads. The copies of some number what comes by this much otherwise. */
class Nats {
  leader = "n1";
  /** Nobody answers who is asked for numbers. */
  isSilent = false;
  /** Where the next readings begin. */
  placed: string[] = [];
  readonly copies = new Map<string, Message[]>();
  readonly removedLeaders: string[] = [];
  #readers = new Map<string, { place: string; hear: (message: Msg) => void; delivered: number }>();
  #next = "";
  #marks = 0;
  #last = 10;

  constructor(readonly shifts: Record<string, number>) {
    for (const server of Object.keys(shifts)) this.copies.set(server, []);
  }

  write(key: string, writer: string): number {
    const seq = ++this.#last;
    for (const [server, all] of this.copies) {
      all.push({ key, seq: seq + this.shifts[server]!, writer });
      for (const reader of this.#readers.values()) {
        if (reader.place === server) this.#deliver(reader, all.at(-1)!, 0);
      }
    }
    return seq + this.shifts[this.leader]!;
  }

  readonly link = {
    run: "us",
    mark: async (_bucket: string, key: string): Promise<Mark> => {
      await Promise.resolve();
      const writer = `us-${++this.#marks}`;
      return { seq: this.write(key, writer), writer, isSure: true };
    },
    numbersOf: (_bucket: string, key: string, signal: AbortSignal): Promise<Map<string, number>> => {
      if (this.isSilent) return new Promise((resolve) => signal.onabort = () => resolve(new Map()));
      this.write(key, "us-look");
      return Promise.resolve(new Map([...this.copies].map(([server, all]) => [server, all.at(-1)!.seq])));
    },
    leaderOf: () => Promise.resolve(this.leader),
    stepDown: () => Promise.resolve(void this.removedLeaders.push(this.leader)),
  };

  readonly nc = {
    subscribe: (inbox: string, { callback }: { callback: (error: null, message: Msg) => void }) => {
      this.#readers.set(inbox, { place: "", hear: (message) => callback(null, message), delivered: 0 });
      return { unsubscribe: () => this.#readers.delete(inbox) };
    },
  } as unknown as NatsConnection;

  readonly jsm = {
    consumers: {
      add: (_stream: string, { deliver_subject, opt_start_seq = 0 }: Partial<ConsumerConfig>) => {
        const reader = this.#readers.get(deliver_subject!)!;
        reader.place = this.#next = this.placed.shift() ?? this.#next;
        const there = this.copies.get(reader.place)!.filter(({ seq }) => seq >= opt_start_seq);
        // As NATS does: messages may be there before the answer.
        there.forEach((message, n) => this.#deliver(reader, message, there.length - 1 - n));
        return Promise.resolve({ num_pending: there.length, cluster: { leader: reader.place } });
      },
    },
  } as unknown as JetStreamManager;

  #deliver(
    reader: { hear: (message: Msg) => void; delivered: number },
    { key, seq, writer }: Message,
    pending: number,
  ): void {
    const reply = `$JS.ACK.KV_lab.reader.1.${seq}.${++reader.delivered}.0.${pending}`;
    const headers = { code: 0, get: (name: string) => name === WRITER ? writer : "" };
    reader.hear(
      { subject: `$KV.${BUCKET}.${key}`, reply, headers, data: new Uint8Array() } as unknown as Msg,
    );
  }
}

/** What has been begun by promises alone is done. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await Promise.resolve();
}

/** One reading, first at the servers that NATS is to choose, and what becomes of it. */
class Reader implements Disposable {
  readonly clock = new FakeClock();
  /** What it is told: keys with their numbers, and that it begins anew. */
  readonly told: string[] = [];
  readonly errors: string[] = [];
  readonly copies: Copies;
  readonly reading: Reading;

  constructor(nats: Nats, ...placed: string[]) {
    nats.placed = placed;
    const log = { ...silentLogger, error: (text: string) => void this.errors.push(text) };
    this.copies = new Copies({ link: nats.link, bucket: BUCKET, key: KEY, clock: this.clock, log });
    this.reading = new Reading({
      ...{ nc: nats.nc, jsm: nats.jsm, clock: this.clock, bucket: BUCKET, filter: ">", proof: this.copies },
      heard: ({ key, seq }) => void (key.startsWith(KEY) || this.told.push(`${key} ${seq}`)),
      restarts: () => void this.told.push("anew"),
    });
  }

  /** Time passes, in which a reading that was left is begun again. */
  async pause(): Promise<void> {
    await settled();
    this.clock.advance(300);
    await settled();
  }

  [Symbol.dispose](): void {
    this.reading.close();
  }
}

Deno.test("copies: one that counts like the one that leads is told of, each message once", async () => {
  const nats = new Nats({ n1: 0, n2: 0, n3: 0 });
  nats.write("a", "x");
  using reader = new Reader(nats, "n2");
  await settled();
  nats.write("b", "x");
  await reader.copies.mark();
  reader.reading.compare();
  await reader.pause();
  assertEquals([reader.told, reader.errors], [["a 11", "b 13"], []]);
});

Deno.test("copies: nothing is told of one that differs; it is named, and another is read", async () => {
  const nats = new Nats({ n1: 0, n2: 0, n3: -1 });
  for (const key of ["a", "b", "c"]) nats.write(key, "x");
  using reader = new Reader(nats, "n3", "n3", "n2");
  for (let times = 0; times < 3; times++) await reader.pause();
  assertEquals(reader.told, ["a 11", "b 12", "c 13"]);
  assertEquals(reader.reading.server, "n2");
  assertMatch(reader.errors.join(), /server n3 differs .*n3 at 14.*remove its folder/);
  reader.copies.look();
  await reader.copies.idle();
  assertEquals(reader.errors.length, 1, "it is said once");
  reader.clock.advance(600_000);
  reader.copies.look();
  await reader.copies.idle();
  assertEquals(reader.errors.length, 2, "and again for as long as it is so");
});

Deno.test("copies: one that comes to differ while it is read is left, and all is told anew", async () => {
  const nats = new Nats({ n1: 0, n2: 0, n3: 0 });
  nats.write("a", "x");
  using reader = new Reader(nats, "n3", "n2");
  await settled();
  nats.shifts.n3 = -1;
  nats.write("b", "x");
  await reader.copies.mark();
  reader.reading.compare();
  await reader.pause();
  assertEquals(reader.told, ["a 11", "anew", "a 11", "b 13"]);
});

Deno.test("copies: where the one that leads is wrong another one is to lead, and the others are read", async () => {
  const nats = new Nats({ n1: -2, n2: 0, n3: 0 });
  for (const key of ["a", "b", "c"]) nats.write(key, "x");
  using reader = new Reader(nats, "n2", "n2");
  await settled();
  assertEquals(nats.removedLeaders, ["n1"]);
  assertEquals(["n1", "n2", "n3"].filter((server) => reader.copies.isShunned(server)), ["n1"]);
  nats.leader = "n3";
  await reader.pause();
  assertEquals(reader.told, ["a 11", "b 12", "c 13"]);
});

Deno.test("copies: what differs where the third isn't there is said, and nobody is called wrong", async () => {
  const nats = new Nats({ n1: 0, n2: -1 });
  for (const key of ["a", "b", "c"]) nats.write(key, "x");
  using reader = new Reader(nats, "n2", "n1");
  await reader.pause();
  assertEquals(reader.told, ["a 11", "b 12", "c 13"]);
  assertMatch(reader.errors.join(), /copies differ.*n1 at \d+, n2 at \d+/);
  assertEquals(nats.removedLeaders, []);
});

Deno.test("copies: a comparison that nobody answers doesn't outlive its end", async () => {
  const nats = new Nats({ n1: 0, n2: 0, n3: 0 });
  using reader = new Reader(nats, "n1");
  nats.isSilent = true;
  reader.copies.look();
  await settled();
  reader.copies.close();
  await reader.copies.idle();
  assertEquals(reader.errors, []);
});

Deno.test("copies: those are wrong whose number isn't that of most", () => {
  const wrong = (...numbers: number[]) => wrongOnes(new Map(numbers.map((seq, n) => [`n${n}`, seq])));
  assertEquals(wrong(5, 5, 5), []);
  assertEquals(wrong(5, 4, 5), ["n1"]);
  assertEquals(wrong(5, 5), []);
  for (const numbers of [[], [5], [5, 4], [5, 4, 3]]) assertEquals(wrong(...numbers), undefined);
});
