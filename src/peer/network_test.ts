/** Finding files: at the registration server, at one peer, or in what was learnt before. */

import { assertEquals, assertLessOrEqual, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { codeOf, LabError, messageOf } from "../base/errors.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { TempFolder } from "../storage/_testing.ts";
import { serve, type Server } from "../transport/server.ts";
import { contextOf, TOOL } from "./_testing.ts";
import { findFiles } from "./network.ts";

const INDEX: MessageOf<"RFCIndex"> = {
  kind: "RFCIndex",
  holders: [{ name: "pc1", address: "192.0.2.1", port: 1 }, { name: "pc2", address: "192.0.2.2", port: 2 }],
  rows: [{ name: "a.txt", holders: [0, 1], n: 1 }, { name: "b.txt", holders: [1, 7], n: 2 }].map((row) => ({
    name: row.name,
    holders: row.holders,
    title: "",
    size: row.n,
    sha256: String(row.n).repeat(64),
    modified: "2026-01-02T03:04:05Z",
    flag: 1 as const,
  })),
};

const peer = (name: string, port: number, active = true): MessageOf<"Peers">["peers"][number] => ({
  ...{ name, host: name, address: "127.0.0.1", port, active, ttl: 1, registrations30d: 1 },
  lastRegistered: "2026-01-02T03:04:05Z",
});

/** A registration server and a peer that answer like this, and a program with a data folder that asks. */
function world(
  setup: {
    index?: MessageOf<"RFCIndex"> | ((page: number) => MessageOf<"RFCIndex">);
    peers?: MessageOf<"Peers">["peers"];
  } = {},
) {
  let page = 0;
  const index = () => typeof setup.index === "function" ? setup.index(page++) : setup.index ?? INDEX;
  const temp = new TempFolder();
  const clock = new FakeClock();
  const context = contextOf(clock);
  const asked: Message[] = [];
  const listen = (role: "rs" | "peer"): Server =>
    serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role, agent: "test" },
      handlerFor: () => (message, exchange) => {
        asked.push(message);
        return exchange.send(
          message.kind === "PQuery"
            ? {
              kind: "Peers",
              peers: setup.peers ?? [peer("pc1", holder.address.port), peer("off", 9, false)],
            }
            : index(),
        );
      },
    }, context);
  const holder = listen("peer");
  const rs = listen("rs");
  const stop = async (server: Server) => {
    const all = [...server.connections];
    server.close();
    await Promise.all(all.map((each) => each.closed));
  };
  const find = (query: Parameters<typeof findFiles>[1], more: { data: undefined } | undefined = undefined) =>
    findFiles({
      rs: rs.address,
      identity: { ...TOOL, name: "pc9" },
      context,
      cookie: "mine",
      data: more ? more.data : temp.path,
      signal: new AbortController().signal,
    }, query);
  return {
    temp,
    clock,
    context,
    asked,
    rs,
    find,
    stop,
    async [Symbol.asyncDispose]() {
      await stop(rs);
      await stop(holder);
      temp[Symbol.dispose]();
    },
  };
}

const brief = (rows: Awaited<ReturnType<typeof findFiles>>["rows"]) =>
  rows.map(({ name, holders }) => `${name}: ${holders.map(({ peer }) => peer).join("+")}`);

Deno.test("the server tells who has what; holders that it doesn't name are left out", async () => {
  await using w = world();
  assertEquals(brief((await w.find({ patterns: ["*.txt"] })).rows), ["a.txt: pc1+pc2", "b.txt: pc2"]);
  assertEquals(w.asked[0], { kind: "RFCQuery", patterns: ["*.txt"], cookie: "mine" });
});

Deno.test("more names than one question may have are asked for in several, and no row comes twice", async () => {
  await using w = world();
  const long = (i: number) => `${i}/${"long name ".repeat(100)}`;
  const names = [
    ...Array.from({ length: 2_400 }, (_, i) => `${i}.txt`),
    ...Array.from({ length: 900 }, (_, i) => long(i)),
  ];
  const patterns = ["*.txt", ...names, "?.txt"];
  assertEquals(brief((await w.find({ patterns })).rows), ["a.txt: pc1+pc2", "b.txt: pc2"]);
  assertEquals(brief((await w.find({ patterns, from: "pc1" })).rows), ["a.txt: pc1", "b.txt: pc1"]);
  const asked = w.asked.filter((message) => message.kind === "RFCQuery");
  assertEquals(asked.flatMap((message) => message.patterns ?? []), [...patterns, ...patterns]);
  await w.find({});
  await w.stop(w.rs);
  assertEquals(brief((await w.find({ patterns: [...names, "b.txt"] })).rows), ["b.txt: pc2"]);
});

Deno.test("words that are too long for a question are refused before anybody is asked", async () => {
  await using w = world();
  const thrown = await assertRejects(() => w.find({ query: "x".repeat(1_025) }), LabError, "limit is 1024");
  assertEquals([codeOf(thrown), w.asked], ["usage", []]);
});

Deno.test("when nothing is found, it's told how many peers there are", async () => {
  await using w = world({ index: { ...INDEX, rows: [] } });
  assertEquals((await w.find({ patterns: ["x"] })).peers, 2);
});

Deno.test("one peer's files are asked of the peer itself", async () => {
  await using w = world();
  const { rows } = await w.find({ from: "pc1" });
  assertEquals(rows.map(({ holders }) => holders.length), [1, 1]);
  assertEquals([rows[0]!.holders[0]!.peer, rows[0]!.holders[0]!.address], ["pc1", "127.0.0.1"]);
});

Deno.test("what wasn't asked for is left out, whoever answers with it", async () => {
  await using w = world();
  for (const from of [{}, { from: "pc1" }]) {
    const found = async (query: { patterns?: string[]; query?: string }) =>
      (await w.find({ ...query, ...from })).rows.map(({ name }) => name);
    assertEquals(await found({ patterns: ["b.txt"] }), ["b.txt"]);
    assertEquals(await found({ patterns: ["a*", "c"] }), ["a.txt"]);
    assertEquals(await found({ query: "A" }), ["a.txt"]);
    assertEquals(await found({ patterns: ["other"] }), []);
  }
});

/** Row after row, page after page. */
const endless = (rows: number, holders: number[]) => (page: number): MessageOf<"RFCIndex"> => ({
  ...INDEX,
  rows: Array.from({ length: rows }, (_, i) => ({ ...INDEX.rows[0]!, name: `${page} ${i}`, holders })),
  next: `${page}`,
});

Deno.test("a peer whose index is larger than any may be is given up", async () => {
  await using w = world({ index: endless(1_000, [0]) });
  const thrown = await assertRejects(
    () => w.find({ from: "pc1", patterns: ["none"] }),
    LabError,
    "does not end",
  );
  assertEquals(codeOf(thrown), "protocol");
  assertEquals(w.asked.filter(({ kind }) => kind === "RFCQuery").length, 201);
});

Deno.test("nor does anybody tell more holders than there may be", async () => {
  const all = Array.from({ length: 20_000 }, () => 0);
  await using w = world({ index: endless(20, all) });
  await assertRejects(() => w.find({ from: "pc1" }), LabError, "does not end");
  assertLessOrEqual(w.asked.length, 12);
});

Deno.test("a peer that takes for ever over its index, page by page, is given up", async () => {
  const next = endless(0, []);
  await using w = world({ index: (page) => (w.clock.advance(20_000), next(page)) });
  const thrown = await assertRejects(() => w.find({ from: "pc1" }), LabError, "within 600 s");
  assertEquals(codeOf(thrown), "timeout");
});

Deno.test("a peer that isn't there, or not active, is unreachable by its name", async () => {
  await using w = world();
  const own = await assertRejects(() => w.find({ from: "PC9" }), LabError, "pc9: that is this PC");
  assertEquals(codeOf(own), "usage");
  for (const from of ["nobody", "off"]) {
    const thrown = await assertRejects(() => w.find({ from }));
    assertEquals(codeOf(thrown), "unreachable");
    assertStringIncludes(messageOf(thrown), from);
  }
});

Deno.test("without the server, what was learnt from a whole index helps until it expires", async () => {
  await using w = world();
  await w.find({});
  await w.stop(w.rs);
  assertEquals(brief((await w.find({})).rows), ["a.txt: pc1+pc2", "b.txt: pc2"]);
  assertEquals(brief((await w.find({ patterns: ["b*"] })).rows), ["b.txt: pc2"]);
  assertEquals(brief((await w.find({ from: "pc1" })).rows), ["a.txt: pc1"]);
  assertStringIncludes(w.context.log.lines.join(), "cannot be reached; using the index learnt");
  assertEquals(codeOf(await assertRejects(() => w.find({ patterns: ["none"] }))), "unreachable");
  w.clock.advance(7_200_000);
  assertEquals(codeOf(await assertRejects(() => w.find({}))), "unreachable");
});

Deno.test("a part of the index is not taken for the whole, and without a data folder nothing is learnt", async () => {
  await using w = world();
  await w.find({ patterns: ["a*"] });
  await w.find({}, { data: undefined });
  assertEquals(w.temp.list().filter((name) => name === "network.json"), []);
  await w.stop(w.rs);
  assertEquals(codeOf(await assertRejects(() => w.find({}))), "unreachable");
});

Deno.test("a damaged file of what was learnt is as good as none", async () => {
  await using w = world();
  w.temp.file("network.json", '{"version":1,"peers":[{"peer":"../x","rows":7}]}');
  await w.stop(w.rs);
  assertEquals(codeOf(await assertRejects(() => w.find({}))), "unreachable");
});

Deno.test("an index that never ends is not read for ever", async () => {
  await using w = world({ index: { ...INDEX, next: "more" } });
  assertEquals(codeOf(await assertRejects(() => w.find({ patterns: ["a"] }))), "protocol");
});

Deno.test("a peer that answers where the server should be is a usage error", async () => {
  await using w = world();
  const other = serve({ host: "127.0.0.1", port: 0 }, {
    identity: { role: "peer", agent: "test" },
    handlerFor: () => () => {},
  }, w.context);
  const { context } = w;
  const { signal } = new AbortController();
  const access = { rs: other.address, identity: TOOL, context, cookie: undefined, data: undefined, signal };
  assertEquals(codeOf(await assertRejects(() => findFiles(access, {}))), "usage");
  await w.stop(other);
});

Deno.test("something else that answers where the server should be is said, and what to look at", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answered = listener.accept().then(async (conn) => {
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await conn.readable.pipeTo(new WritableStream()).catch(() => {});
  });
  const rs = { host: "127.0.0.1", port: listener.addr.port };
  const { signal } = new AbortController();
  const context = contextOf(new FakeClock());
  const access = { rs, identity: TOOL, context, cookie: undefined, data: undefined, signal };
  const thrown = await assertRejects(() => findFiles(access, {}));
  assertEquals(codeOf(thrown), "protocol");
  assertStringIncludes(messageOf(thrown), `Cannot use 127.0.0.1:${rs.port} as registration server: `);
  assertStringIncludes(messageOf(thrown), "is --rs right?");
  await answered;
  listener.close();
});

Deno.test("whoever is told to stop doesn't wait for a server that answers nothing", async () => {
  const context = contextOf(new FakeClock());
  const stop = new AbortController();
  const rs = serve({ host: "127.0.0.1", port: 0 }, {
    identity: { role: "rs", agent: "test" },
    handlerFor: () => () => {
      stop.abort();
      return new Promise(() => {});
    },
  }, context);
  const asking = { identity: TOOL, context, cookie: undefined, data: undefined, signal: stop.signal };
  const thrown = await assertRejects(() => findFiles({ rs: rs.address, ...asking }, {}));
  assertEquals(codeOf(thrown), "interrupted");
  const all = [...rs.connections];
  rs.close();
  await Promise.all(all.map(({ closed }) => closed));
});
