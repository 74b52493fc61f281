/** What is refused before anybody is asked. */

import { assertEquals, assertRejects } from "@std/assert";
import { codeOf, LabError } from "../../base/errors.ts";
import type { Message, WirePeer } from "../../protocol/messages.ts";
import { TempFolder } from "../../storage/_testing.ts";
import { serve } from "../../transport/server.ts";
import { contextOf, TOOL } from "../_testing.ts";
import { collect } from "./collect.ts";
import { fetchCommand } from "./command.ts";
import { askable } from "./select.ts";

Deno.test("what no file can be called is refused, and nobody is asked for it", async () => {
  using temp = new TempFolder();
  const setting = {
    // Nobody is there.
    rs: { host: "127.0.0.1", port: 1 },
    identity: TOOL,
    context: contextOf(),
    cookie: undefined,
    data: undefined,
    known: () => undefined,
    signal: new AbortController().signal,
  };
  const folder = temp.at("share");
  const listener = { progress: () => {}, fetched: () => {}, failed: () => {}, collected: () => {} };
  const patterns = ["../x"];
  const runs = [
    () => fetchCommand({ patterns, from: undefined, folder }, { ...setting, listener }),
    () => collect({ ...setting, patterns, folder, listener }),
  ];
  for (const run of runs) {
    const thrown = await assertRejects(
      run,
      LabError,
      'Cannot fetch ../x: no file is called that, since it has the part ".."',
    );
    assertEquals(codeOf(thrown), "name_refused");
  }
  assertEquals(temp.list(), []);
  // It doesn't hold up the rest.
  const { fine, faults } = askable(["a.txt", "../x", "docs/", "*".repeat(1_025)]);
  assertEquals(fine, ["a.txt", "docs/"]);
  assertEquals(faults.map(({ code }) => code), ["name_refused", "name_refused"]);
});

const wirePeer = (name: string, port: number): WirePeer => ({
  ...{ name, host: name, address: "127.0.0.1", port, active: true, ttl: 1, registrations30d: 1 },
  lastRegistered: "2026-01-02T03:04:05Z",
});

/** What matches, and can't be had. */
const REFUSED = {
  ...{ name: "con.txt", title: "", size: 1, sha256: "1".repeat(64), modified: "2026-01-02T03:04:05Z" },
  flag: 1,
} as const;

Deno.test("collecting tells what nobody has", async () => {
  using temp = new TempFolder();
  const context = contextOf();
  const answer = (kind: string): Message =>
    kind === "PQuery"
      ? { kind: "Peers", peers: ["pc1", "pc2"].map((name) => wirePeer(name, server.address.port)) }
      : {
        kind: "RFCIndex",
        holders: [{ name: "pc1", address: "127.0.0.1", port: 1 }],
        rows: [{ ...REFUSED, holders: [0] }],
      };
  const server = serve({ host: "127.0.0.1", port: 0 }, {
    identity: { role: "rs", agent: "test" },
    handlerFor: () => ({ kind }, exchange) => exchange.send(answer(kind)),
  }, context);
  const nobodys: string[] = [];
  const listener = {
    ...{ progress: () => {}, fetched: () => {}, collected: () => {} },
    unmatched: (patterns: readonly string[]) => nobodys.push(...patterns),
  };
  const setting = { identity: TOOL, context, cookie: undefined, signal: new AbortController().signal };
  const patterns = ["c*", "nobodys.txt"];
  const receipts = await collect({
    ...setting,
    rs: server.address,
    patterns,
    folder: temp.at("in"),
    listener,
  });
  assertEquals(receipts.map(({ error }) => error?.code), ["name_refused", "name_refused"]);
  assertEquals(nobodys, ["nobodys.txt"]);
  const all = [...server.connections];
  server.close();
  await Promise.all(all.map(({ closed }) => closed));
});
