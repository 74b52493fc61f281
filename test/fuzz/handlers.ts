/** Target: the registration server's answers to a series of questions, in an open lab and in a secured one. */

import { utf8 } from "../../src/base/bytes.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { LabError, RemoteProtocolError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/random.ts";
import { UNPRINTABLE } from "../../src/base/text.ts";
import * as fc from "../../src/deps/fast_check.ts";
import { decodeMessage, encodeMessage } from "../../src/protocol/codec.ts";
import { CONTROL, type ControlName, type Message } from "../../src/protocol/messages.ts";
import { Broadcasts } from "../../src/registry/broadcasts.ts";
import { dispatch, isOurs } from "../../src/registry/dispatch.ts";
import { demandOwnCookie } from "../../src/registry/handlers/own.ts";
import { Holdings } from "../../src/registry/holdings.ts";
import { Members } from "../../src/registry/members.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import type { Caller, Registry } from "../../src/registry/state.ts";
import { messagesOf } from "../contract/arbitraries.ts";
import { demand } from "./demand.ts";
import type { Target } from "./engine.ts";

const KINDS = (Object.keys(CONTROL) as ControlName[]).filter((kind) => isOurs({ kind } as Message));
/** Only these command others. */
const COMMANDS: readonly string[] = ["Broadcast", "Receipts", "Progress", "Withdraw", "Retry"];

/** A line of the input: who says what. */
type Said = [who: number, kind: ControlName, fields: unknown];

function emptyRegistry(secured: boolean): Registry {
  const clock = new FakeClock();
  return {
    members: new Members(7_200_000),
    holdings: new Holdings(),
    broadcasts: new Broadcasts(),
    atWork: { isClaimed: () => false, isReceiving: () => false, whyStuck: () => undefined },
    store: new MemoryStore(),
    random: seededRandom(1),
    epoch: "e",
    secured,
    now: () => ({ wall: clock.now(), mono: clock.monotonic() }),
  };
}

function callers(secured: boolean): (Caller & { cookie: string | undefined })[] {
  return (["member", "lead", "member"] as const).map((role, i) => ({
    remote: { host: `192.0.2.${i}`, port: 50_000 },
    local: { host: "192.0.2.9", port: 23475 },
    role: "peer",
    title: "\x1b[2Jsomebody",
    cookie: undefined,
    member: secured ? { id: `id${i}`, name: `pc${i}`, role } : undefined,
  }));
}

/** One answer; only LabErrors may be thrown, and what is logged must be fit to be shown. */
async function answer(registry: Registry, message: Message, caller: Caller & { cookie: string | undefined }) {
  if (!isOurs(message)) return "not ours";
  try {
    demandOwnCookie("cookie" in message ? message.cookie : undefined, caller);
    const { reply, line: said, warning, effect } = await dispatch(registry, message, caller);
    const line = typeof said === "string" ? said : said();
    demand(
      !UNPRINTABLE.test(line) && !UNPRINTABLE.test(warning ?? ""),
      `a line that can't be shown: ${line}`,
    );
    encodeMessage(reply, 1);
    const isMember = caller.member?.role === "member";
    demand(!isMember || !COMMANDS.includes(message.kind), `a member's ${message.kind} was taken`);
    if (effect?.kind === "bind") caller.cookie = effect.record.cookie;
    if (effect?.kind === "release") caller.cookie = undefined;
    return reply.kind;
  } catch (thrown) {
    demand(thrown instanceof LabError, `${message.kind} threw ${thrown}`, thrown);
    return thrown.code;
  }
}

function decoded(kind: unknown, fields: unknown): Message | undefined {
  const entry = CONTROL[kind as ControlName] as { type: number } | undefined;
  if (!entry || !Object.hasOwn(CONTROL, kind as string)) return undefined;
  try {
    return decodeMessage(entry.type, utf8(JSON.stringify(fields ?? null)));
  } catch (thrown) {
    demand(thrown instanceof RemoteProtocolError, `threw ${thrown}`, thrown);
    return undefined;
  }
}

async function run(input: Uint8Array, secured: boolean): Promise<string> {
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(input));
  } catch {
    return "no JSON";
  }
  if (!Array.isArray(said)) return "no list";
  const registry = emptyRegistry(secured);
  const who = callers(secured);
  const seen: string[] = [];
  for (const each of said.slice(0, 20)) {
    if (!Array.isArray(each)) continue;
    const message = decoded(each[1], each[2]);
    if (message) {
      seen.push(await answer(registry, message, who[each[0] === 1 || each[0] === 2 ? each[0] : 0]!));
    }
  }
  return seen.join();
}

const row = {
  name: "a.txt",
  title: "",
  size: 5,
  sha256: "ab".repeat(32),
  modified: "2026-01-02T03:04:05Z",
  flag: 1,
};
const ID = { id: "b1" };
/** Cookies of the seeded registry: the first two that an open lab gives. */
const [ONE, TWO] = (() => {
  const random = seededRandom(1);
  return [random.id(16), random.id(16)];
})();

function story(one: string | undefined, two: string | undefined): Said[] {
  return [
    [0, "Register", { name: "pc0", host: "h", port: 1 }],
    [1, "Register", { name: "pc1", host: "h", port: 2, classic: 3 }],
    [0, "Announce", { cookie: one, reset: true, rows: [row, { ...row, name: "b/c.txt" }], gone: [] }],
    [1, "Announce", { cookie: two, reset: false, rows: [row], gone: ["x"] }],
    [0, "KeepAlive", { cookie: one }],
    [1, "PQuery", { cookie: two, all: true, classic: true }],
    [0, "RFCQuery", { patterns: ["*.txt", "b"], query: "a" }],
    [1, "Broadcast", {
      ...ID,
      name: "x",
      peer: "pc1",
      at: 0,
      files: [["a", 1, row.sha256]],
      lasts: 60,
      to: ["pc0"],
    }],
    [1, "Progress", { ...ID, peers: [["pc0", 1]] }],
    [1, "Receipts", { ...ID, peers: [{ name: "pc0", state: "failed", reason: "no" }] }],
    [1, "Retry", ID],
    [0, "BQuery", { all: true }],
    [0, "BQuery", ID],
    [1, "Withdraw", ID],
    [0, "Leave", { cookie: one }],
  ];
}

function target(secured: boolean): Target {
  const any = fc.array(
    fc.oneof(...KINDS.map((kind) => fc.tuple(fc.nat(2), fc.constant(kind), messagesOf(kind)))),
    { maxLength: 6 },
  );
  return {
    name: secured ? "rs-secured" : "rs-open",
    isJson: true,
    most: 16_384,
    seeds: () => [utf8(JSON.stringify(secured ? story("id0", "id1") : story(ONE, TWO)))],
    fresh: (random) =>
      utf8(JSON.stringify(fc.sample(any, { numRuns: 1, seed: Math.floor(random.next() * 2 ** 31) })[0])),
    run: (input) => run(input, secured),
  };
}

/** The registration server's answers. */
export function handlerTargets(): Target[] {
  return [target(false), target(true)];
}
