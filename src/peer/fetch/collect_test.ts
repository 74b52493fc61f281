/** Collecting from many, some of whom keep it waiting. Real workers. */

import { assertEquals, assertRejects } from "@std/assert";
import { until } from "../../base/_patience.ts";
import { toHex } from "../../base/bytes.ts";
import { LabError } from "../../base/errors.ts";
import { sha256 } from "../../storage/hashing.ts";
import { serve } from "../../transport/server.ts";
import { type Misbehaviour, noise, Swarm, TOOL } from "../_testing.ts";
import { collect } from "./collect.ts";

const HOMEWORK = noise(50_000, 3);
const ROW = {
  ...{ name: "hw.bin", title: "", size: HOMEWORK.length, sha256: toHex(sha256(HOMEWORK)) },
  ...{ modified: "2026-01-02T03:04:05Z", flag: 1 as const, holders: [0] },
};

/** Lists the file, and answers everything else by itself, or like this. */
const listing = (more?: Misbehaviour): Misbehaviour => (message, exchange, handler) => {
  if (message.kind !== "RFCQuery") return (more ?? ((m, e, h) => h(m, e)))(message, exchange, handler);
  const holders = [{ name: "x", address: "127.0.0.1", port: 1 }];
  return exchange.send({ kind: "RFCIndex", holders, rows: [ROW] });
};

/** A byte of its manifest now and then. */
const dripping: Misbehaviour = (_, exchange) =>
  exchange.connection.sendData({
    ...{ kind: "ManifestData", stream: exchange.stream, length: 100_000, partBytes: 1, signal: exchange },
    fill: () => {},
    rate: { take: () => 100 },
  });

Deno.test("peers that deliver next to nothing don't keep those who come after them", async () => {
  await using swarm = new Swarm();
  for (let i = 1; i <= 10; i++) {
    swarm.holder({ [`pc${i}/hw.bin`]: HOMEWORK }, listing(i <= 8 ? dripping : undefined));
  }
  const peers = swarm.holders.map(({ name, port }) => ({
    ...{ name, host: name, address: "127.0.0.1", port, active: true, ttl: 1, registrations30d: 1 },
    lastRegistered: "",
  }));
  const rs = serve({ host: "127.0.0.1", port: 0 }, {
    identity: { role: "rs", agent: "test" },
    handlerFor: () => (_, exchange) => exchange.send({ kind: "Peers", peers }),
  }, swarm.context);
  const stop = new AbortController();
  const done: string[] = [];
  const collecting = collect({
    ...{ rs: rs.address, identity: TOOL, context: swarm.context, cookie: undefined, patterns: [] },
    folder: swarm.root.path,
    signal: stop.signal,
    listener: {
      progress() {},
      fetched() {},
      collected: ({ peer, files }) => void (files === 1 && done.push(peer)),
    },
  });
  await until("both have been collected from", () => done.length === 2);
  assertEquals(done.toSorted(), ["pc10", "pc9"]);
  assertEquals(swarm.read("pc9/hw.bin"), HOMEWORK);
  stop.abort(new LabError("interrupted", "over"));
  await assertRejects(() => collecting, LabError, "over");
  const all = [...rs.connections];
  rs.close();
  await Promise.all(all.map((each) => each.closed));
});
