/** The lab as the page knows it: begins with all there is, then takes in what changes. Pure. */

/** How fast something goes, out of counts that come now and then. */
export class Meter {
  #points = [];

  /** Takes a count in. @param {number} bytes @param {number} at milliseconds */
  report(bytes, at) {
    const last = this.#points.at(-1);
    if (last && bytes < last.bytes) this.#points = [];
    if (last && bytes === last.bytes && at - last.at < 4000) return;
    this.#points.push({ bytes, at });
    while (this.#points.length > 2 && at - this.#points[0].at > 5000) this.#points.shift();
  }

  /** Bytes per second over the last seconds; 0 when nothing was heard lately. */
  rate(now) {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    if (!first || last.at === first.at || now - last.at > 4000) return 0;
    return (last.bytes - first.bytes) * 1000 / (last.at - first.at);
  }
}

/** What the page knows. */
export class LabState {
  peers = new Map();
  broadcasts = new Map();
  transfers = new Map();
  events = [];
  /** How often it has begun anew: with a server that was started again events count from 1 again. */
  began = 0;
  files = { version: -1, total: 0, last: 0, away: 0, cut: false };
  #listeners = [];
  #meters = new Map();

  /** @param {(changed: Set<string>) => void} listener hears which parts have changed. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Begins anew. */
  all(message, now) {
    for (const part of ["peers", "broadcasts", "transfers"]) this[part].clear();
    this.events = [];
    this.began++;
    this.changes(message, now);
    this.#tell(new Set(["peers", "broadcasts", "transfers", "events", "files"]));
  }

  /** Takes in what has changed. @param {number} now milliseconds */
  changes(message, now) {
    const changed = new Set();
    for (const part of ["peers", "broadcasts", "transfers"]) {
      const rows = message[part];
      if (!rows) continue;
      changed.add(part);
      for (const row of rows.set) this[part].set(part === "peers" ? row.name : row.id, row);
      for (const key of rows.gone) this[part].delete(key);
    }
    for (const row of message.broadcasts?.set ?? []) this.meter(row.id).report(row.bytes, now);
    if (message.events?.length) {
      changed.add("events");
      this.events = [...this.events, ...message.events].slice(-200);
    }
    if (message.files) {
      changed.add("files");
      this.files = message.files;
    }
    this.#tell(changed);
  }

  /** How fast a broadcast goes, all PCs together. */
  meter(id) {
    let meter = this.#meters.get(id);
    if (!meter) this.#meters.set(id, meter = new Meter());
    return meter;
  }

  #tell(changed) {
    if (changed.size > 0) { for (const listener of this.#listeners) listener(changed); }
  }
}
