/** What a peer answers over TCP: its index in pages, manifests, and a clear no to all else. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { toHex } from "../../base/bytes.ts";
import { codeOf } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { IndexRow } from "../../catalog/row.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import { Root } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import { Relay } from "../broadcast/relay.ts";
import type { Connection } from "../../transport/connection.ts";
import { greet } from "../../transport/handshake.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { serve } from "../../transport/server.ts";
import { dialTcp } from "../../transport/tcp.ts";
import { contextOf, TOOL } from "../_testing.ts";
import { queryIndex } from "../rs_client.ts";
import { ContentStore, type LocalFiles } from "./content_store.ts";
import { peerHandler } from "./handlers.ts";

const row = (name: string, more: Partial<IndexRow> = {}): IndexRow => ({
  name,
  title: "",
  size: 5,
  sha256: "a".repeat(64),
  modified: "2026-01-02T03:04:05Z",
  flag: 1,
  ...more,
});

/** A peer with this index, and a connection to it. */
async function world(rows: IndexRow[], more: { files?: LocalFiles; relay?: Relay } = {}) {
  const context = contextOf();
  const contents = new ContentStore(more.files ?? (() => undefined), undefined, systemClock);
  const handler = peerHandler({
    rows: () => rows,
    contents,
    ...(more.relay ? { relay: more.relay } : {}),
    rate: new RateLimiter(systemClock, Infinity),
    self: () => ({ name: "pc7", port: 4711 }),
    offer: () => {},
    sent: () => {},
  });
  const server = serve({ host: "127.0.0.1", port: 0 }, {
    identity: { role: "peer", agent: "test" },
    handlerFor: () => handler,
  }, context);
  const stream = await dialTcp(server.address, { clock: systemClock });
  const { connection } = await greet(stream, TOOL, context);
  const names = async (query: Parameters<typeof queryIndex>[1]) =>
    (await queryIndex(connection, query)).map((r) => r.name);
  return {
    connection: connection as Connection,
    names,
    async [Symbol.asyncDispose]() {
      const all = [...server.connections];
      connection.close();
      server.close();
      contents.close();
      await Promise.all(all.map((each) => each.closed));
    },
  };
}

Deno.test("the index comes sorted, without what has gone, with this peer as its holder", async () => {
  await using w = await world([row("b"), row("gone", { flag: 0 }), row("a")]);
  const rows = await queryIndex(w.connection, {});
  assertEquals(rows.map(({ name }) => name), ["a", "b"]);
  assertEquals(rows[0]!.holders, [{ peer: "pc7", address: "127.0.0.1", port: 4711 }]);
});

Deno.test("a long index comes in pages that fit, each row once, long names and all", async () => {
  const long = "é".repeat(120) + "/" + "漢".repeat(80) + "/";
  const rows = Array.from(
    { length: 5_003 },
    (_, i) => row(`${i % 2 ? long : ""}${String(i).padStart(5, "0")}`),
  );
  await using w = await world(rows);
  assertEquals(await w.names({}), rows.map(({ name }) => name).sort());
  const page = await w.connection.request({ kind: "RFCQuery" }, "RFCIndex");
  assert(page.rows.length <= LIMITS.pageRows && page.next !== undefined);
});

Deno.test("an empty index, and one page that is just full, end", async () => {
  await using empty = await world([]);
  assertEquals(await empty.names({}), []);
  await using full = await world(Array.from({ length: LIMITS.pageRows }, (_, i) => row(`f${i}`)));
  assertEquals((await full.connection.request({ kind: "RFCQuery" }, "RFCIndex")).next, undefined);
});

Deno.test("patterns and words narrow the index", async () => {
  await using w = await world([
    row("rfc/1.txt", { title: "Host Software" }),
    row("rfc/2.txt"),
    row("photo.jpg"),
  ]);
  assertEquals(await w.names({ patterns: ["*.jpg"] }), ["photo.jpg"]);
  assertEquals(await w.names({ patterns: ["rfc"] }), ["rfc/1.txt", "rfc/2.txt"]);
  assertEquals(await w.names({ query: "software" }), ["rfc/1.txt"]);
  assertEquals(await w.names({ patterns: ["*.jpg"], query: "software" }), []);
});

Deno.test("what a peer doesn't have or do is said with its code, and the connection lives on", async () => {
  await using w = await world([row("a")]);
  const content = "b".repeat(64);
  const refused: [Parameters<Connection["request"]>[0], string][] = [
    [{ kind: "GetRFC", files: [["a", 5, content]] }, "not_found"],
    [{ kind: "PieceRequest", content, piece: 0 }, "not_found"],
    [{ kind: "KeepAlive", cookie: "c" }, "unsupported"],
    [{ kind: "Register", name: "x", host: "x", port: 1 }, "unsupported"],
  ];
  for (const [message, code] of refused) {
    assertEquals(codeOf(await assertRejects(() => w.connection.request(message, "Left"))), code);
  }
  assertEquals(await w.names({}), ["a"]);
});

Deno.test("while a broadcast is expected, what is held anyway is sent at once", async () => {
  using temp = new TempFolder();
  const bytes = noise(1000, 1);
  const modified = isoTime(Deno.statSync(temp.file("a", bytes)).mtime);
  const root = Root.open(temp.path, "read");
  // Its time stands still: who waits for the broadcast to begin waits for ever.
  const relay = new Relay(new FakeClock());
  await using w = await world([], { relay, files: () => ({ name: "a", root, size: 1000, modified }) });
  relay.expect();
  const asked = w.connection.open({ kind: "GetRFC", files: [["a", 1000, toHex(sha256(bytes))]] });
  const manifest = await asked.collect("ManifestData", LIMITS.manifest, TIMEOUTS.request);
  const piece = w.connection.open({ kind: "PieceRequest", content: toHex(sha256(manifest)), piece: 0 });
  assertEquals(await piece.collect("PieceData", LIMITS.piece, 5_000), bytes);
  relay.close();
});
