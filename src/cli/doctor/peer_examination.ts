/** What `peer doctor` looks at, one thing after the other. What can't be looked at is left out, and said so. */

import { join } from "@std/path";
import { messageOf } from "../../base/errors.ts";
import { formatBytes, formatHostPort, type HostPort, parseHostPort } from "../../base/units.ts";
import { peerNameFault, printable } from "../../catalog/names.ts";
import { connectControl, servedAddress } from "../../peer/control.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { Checks } from "../../peer/doctor/checks.ts";
import { probe } from "../../peer/doctor/probe.ts";
import type { PeerState } from "../../peer/peer_state.ts";
import { connectRs, queryPeers } from "../../peer/rs_client.ts";
import { PEER_PORT } from "../../peer/serve/ports.ts";
import type { WirePeer } from "../../protocol/messages.ts";
import { fileError, Root } from "../../storage/root.ts";
import { freeSpace } from "../../storage/space.ts";
import { connect } from "../../transport/connect.ts";
import type { Connection } from "../../transport/connection.ts";
import { systemDatagrams } from "../../transport/discovery/datagrams.ts";
import { serve } from "../../transport/server.ts";
import { hostName, peerSetting, registrationServer } from "../commands/setting.ts";
import type { CommandContext } from "../context.ts";
import {
  type Finding,
  firewallAdvice,
  judgeCards,
  judgeClock,
  judgeFolder,
  judgeRate,
  judgeServer,
  judgeSpace,
} from "./findings.ts";

/** What the examination needs of its command. */
export type Patient =
  & Pick<
    CommandContext,
    "clock" | "random" | "log" | "program" | "signal" | "output" | "folders" | "ensureAccess"
  >
  & {
    flags: { rs?: HostPort | undefined };
    /** Called with what is about to be looked at, for a person who waits. */
    looking(what: string): void;
  };

type Tell = (finding: Finding) => void;

/** Other peers that are asked to dial back, and from whom bytes are fetched. */
const OTHERS = 3;
/** Bytes that are fetched from each: 70 ms at 1 Gbit/s; a slow way ends after a second. */
const BYTES = 8 * 1024 * 1024;
/** Another peer may take this long to fetch them from here, milliseconds: five seconds of dialling, one of bytes. */
const PATIENCE = 10_000;

/** Looks at everything. */
export async function examinePeer(ctx: Patient, tell: Tell): Promise<void> {
  const data = await lookAtFolders(ctx, tell);
  tell(judgeCards(systemDatagrams.interfaces()));
  if (data === undefined) return;
  const { context, state } = await peerSetting(ctx, data);
  tell(lookAtName(state));
  const own = await ownServer(data, context);
  try {
    await lookAtLab(ctx, { context, state, data, port: own.port, serves: own.serves }, tell);
  } finally {
    own.close();
  }
}

async function lookAtFolders(ctx: Patient, tell: Tell): Promise<string | undefined> {
  let data: string | undefined;
  for (const which of ["share", "data"] as const) {
    const check = which === "share" ? "share" : "data folder";
    try {
      const hint = { flag: `--${which}`, folder: which };
      const path = await ctx.ensureAccess(ctx.folders[which], "read-write", hint);
      const root = Root.open(path, "write");
      const file = join(root.path, `.labswarm-doctor-${ctx.random.id(4)}`);
      try {
        await Deno.writeTextFile(file, "doctor");
      } finally {
        await Deno.remove(file).catch(() => {/* not made: the write says why */});
      }
      tell({ check, health: "ok", seen: root.path });
      if (which === "data") data = path;
      else {
        const free = freeSpace(root.path);
        tell(judgeSpace(free, free === undefined ? "" : `${formatBytes(free)} in ${root.path}`));
      }
    } catch (cause) {
      tell(judgeFolder(which, ctx.folders[which], fileError(cause, "Cannot write there")));
    }
  }
  return data;
}

function lookAtName(state: PeerState): Finding {
  const name = state.name ?? hostName();
  const fault = peerNameFault(name);
  if (!fault) return { check: "name", health: "ok", seen: state.name ? `registered as ${name}` : name };
  return {
    ...{ check: "name", health: "warning", seen: `${printable(name)}: ${fault}` },
    advice: "It will be changed; choose one with peer serve --name NAME",
  };
}

/** The serve on this data folder, or one in its place that only answers doctors. */
async function ownServer(
  data: string,
  context: PeerContext,
): Promise<{ port: number; serves: boolean; close(): void }> {
  const control = await connectControl(data, "peer", context);
  control?.close();
  const served = control ? await servedAddress(data, "peer") : undefined;
  if (served) return { port: served.port, serves: true, close: () => {} };
  const identity = { role: "peer", name: "doctor", agent: context.agent } as const;
  const checks = new Checks({ context, identity: () => identity });
  const open = (port: number) =>
    serve({ host: "0.0.0.0", port }, {
      identity,
      security: context.security,
      handlerFor: () => checks.answer,
    }, context);
  let server;
  try {
    server = open(PEER_PORT);
  } catch {
    server = open(0);
  }
  return { port: server.address.port, serves: false, close: () => server.close() };
}

/** Who is examined. */
interface Case {
  context: PeerContext;
  state: PeerState;
  data: string;
  /** Where this PC listens now. */
  port: number;
  serves: boolean;
}

async function lookAtLab(ctx: Patient, own: Case, tell: Tell): Promise<void> {
  const { context, state, port } = own;
  ctx.looking("for the server");
  const rs = await lookForServer(ctx, own, tell);
  if (!rs) return;
  try {
    await lookAtClock(rs, context, tell);
    const cookie = state.cookie === undefined ? {} : { cookie: state.cookie };
    const others = (await queryPeers(rs, cookie))
      .filter(({ name, active }) => active && name !== state.name).slice(0, OTHERS);
    ctx.looking("whether others get through to this PC");
    // Side by side: where a firewall swallows all, each takes seconds.
    const reached = others.map((other) => reachPeer(ctx, own, other));
    tell(await dialledBack("port from server", rs, port));
    if (others.length === 0) {
      tell({ check: "other peers", health: "skipped", seen: "no other peer is active" });
    }
    const open: { other: WirePeer; comesBack: boolean }[] = [];
    for (const { other, finding, answers } of await Promise.all(reached)) {
      tell(finding);
      if (answers) open.push({ other, comesBack: finding.health === "ok" });
    }
    // One after the other: they share this PC's cable.
    for (const { other, comesBack } of open) {
      ctx.looking(`how fast bytes go between ${printable(other.name)} and this PC`);
      await lookAtRates(ctx, own, { other, comesBack }, tell);
    }
  } finally {
    rs.close();
  }
}

async function lookForServer(ctx: Patient, own: Case, tell: Tell): Promise<Connection | undefined> {
  const { context, state } = own;
  let at = ctx.flags.rs ?? (state.rs === undefined ? undefined : parseHostPort(state.rs, 23475));
  try {
    at = await registrationServer(ctx, state, own.data);
    const began = context.clock.monotonic();
    const rs = await connectRs(at, toolIdentity(context, state.name), context, { signal: ctx.signal });
    const ms = context.clock.monotonic() - began;
    tell({ check: "server", health: "ok", seen: `${formatHostPort(at)} answers in ${ms.toFixed(0)} ms` });
    return rs;
  } catch (cause) {
    if (ctx.signal.aborted) throw cause;
    tell(judgeServer(cause, at));
    tell({ check: "port", health: "skipped", seen: "without a server nobody can be asked to dial back" });
    return undefined;
  }
}

async function lookAtClock(rs: Connection, { clock }: PeerContext, tell: Tell): Promise<void> {
  const before = clock.now();
  const { time } = await rs.request({ kind: "Reach" }, "Reached");
  const theirs = Date.parse(time);
  if (Number.isFinite(theirs)) tell(judgeClock(((before + clock.now()) / 2 - theirs) / 1000));
}

/** Whether our own port is open for somebody. */
async function dialledBack(check: string, by: Connection, port: number): Promise<Finding> {
  try {
    const { ms, reason } = await by.request({ kind: "Reach", port }, "Reached");
    if (reason === undefined) {
      return { check, health: "ok", seen: `it reached port ${port} here in ${(ms ?? 0).toFixed(0)} ms` };
    }
    const rule = { name: "LabSwarm peer", protocol: "TCP", port, program: "peer" } as const;
    const advice = "A firewall is in the way: others can't fetch from this PC. Let them in, once:\n" +
      firewallAdvice(Deno.build.os, rule).join("\n");
    return { check, health: "fault", seen: printable(reason, 300), advice };
  } catch (cause) {
    return { check, health: "warning", seen: `it could not be asked: ${messageOf(cause)}` };
  }
}

/** Dials another peer and has it dial back. */
async function reachPeer(
  ctx: Patient,
  { context, state, port }: Case,
  other: WirePeer,
): Promise<{ other: WirePeer; finding: Finding; answers: boolean }> {
  const name = printable(other.name);
  try {
    const { connection } = await connect(addressOf(other), toolIdentity(context, state.name), {
      ...context,
      signal: ctx.signal,
    });
    try {
      return { other, finding: await dialledBack(`port from ${name}`, connection, port), answers: true };
    } finally {
      connection.close();
    }
  } catch (cause) {
    if (ctx.signal.aborted) throw cause;
    return { other, finding: unreached(name, cause), answers: false };
  }
}

const addressOf = ({ address: host, port, id }: WirePeer) => ({ host, port, id });

function unreached(name: string, cause: unknown): Finding {
  const advice = `Run peer doctor on ${name}: its firewall may be in the way`;
  return { check: `from ${name}`, health: "warning", seen: messageOf(cause), advice };
}

/** How fast bytes come from another peer, and go to it where it gets through. */
async function lookAtRates(
  ctx: Patient,
  { context, state, port }: Case,
  { other, comesBack }: { other: WirePeer; comesBack: boolean },
  tell: Tell,
): Promise<void> {
  const name = printable(other.name);
  const identity = toolIdentity(context, state.name);
  const { signal } = ctx;
  try {
    const { bytes, seconds } = await probe(addressOf(other), { context, identity, bytes: BYTES, signal });
    tell(judgeRate(`from ${name}`, bytes, seconds));
    if (!comesBack) return;
    const { connection } = await connect(addressOf(other), identity, { ...context, signal });
    try {
      const back = await connection.request({ kind: "Reach", port, bytes: BYTES }, "Reached", PATIENCE);
      // An older peer only greets.
      if (back.code === undefined && back.bytes && back.seconds) {
        tell(judgeRate(`to ${name}`, back.bytes, back.seconds));
      }
    } finally {
      connection.close();
    }
  } catch (cause) {
    if (ctx.signal.aborted) throw cause;
    tell(unreached(name, cause));
  }
}
