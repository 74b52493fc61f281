/** What `peer doctor` looks at, one thing after the other. What can't be looked at is left out, and said so. */

import { join } from "@std/path";
import { codeOf, ERROR_CODES, LabError, messageOf } from "../../base/errors.ts";
import { formatBytes, formatHostPort, formatRate, type HostPort } from "../../base/units.ts";
import { peerNameFault, printable } from "../../catalog/names.ts";
import { connectControl, servedAddress } from "../../peer/control.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { probe } from "../../peer/doctor/probe.ts";
import type { PeerState } from "../../peer/peer_state.ts";
import { connectRs, queryPeers } from "../../peer/rs_client.ts";
import { PEER_PORT } from "../../peer/serve/serve.ts";
import type { WirePeer } from "../../protocol/messages.ts";
import { Root } from "../../storage/root.ts";
import { freeSpace } from "../../storage/space.ts";
import { connect } from "../../transport/connect.ts";
import type { Connection } from "../../transport/connection.ts";
import { systemDatagrams } from "../../transport/discovery/datagrams.ts";
import { serve } from "../../transport/server.ts";
import { hostName, peerSetting, registrationServer } from "../commands/setting.ts";
import type { CommandContext } from "../context.ts";
import { type Finding, firewallAdvice, judgeCards, judgeClock, judgeSpace } from "./findings.ts";

/** What the examination needs of its command. */
export type Patient =
  & Pick<
    CommandContext,
    "clock" | "random" | "log" | "program" | "signal" | "output" | "folders" | "ensureAccess"
  >
  & { flags: { rs?: HostPort | undefined } };

type Tell = (finding: Finding) => void;

/** Other peers that are asked to dial back, and from whom bytes are fetched. */
const OTHERS = 3;
/** Bytes that are fetched from each: 70 ms at 1 Gbit/s; a slow way ends after a second. */
const BYTES = 8 * 1024 * 1024;

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
      await Deno.writeTextFile(file, "doctor");
      await Deno.remove(file);
      tell({ check, health: "ok", seen: root.path });
      if (which === "data") data = path;
      else {
        const free = freeSpace(root.path);
        tell(judgeSpace(free, free === undefined ? "" : `${formatBytes(free)} in ${root.path}`));
      }
    } catch (cause) {
      const advice = `Give yourself the right to write in ${
        ctx.folders[which]
      }, or choose another folder with --${which}`;
      tell({
        ...{ check, health: "fault", seen: messageOf(cause), advice },
        exit: ERROR_CODES.not_permitted,
      });
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

/** The serve on this data folder, or one in its place that only says hello. */
async function ownServer(
  data: string,
  context: PeerContext,
): Promise<{ port: number; serves: boolean; close(): void }> {
  const control = await connectControl(data, "peer", context);
  control?.close();
  const served = control ? await servedAddress(data, "peer") : undefined;
  if (served) return { port: served.port, serves: true, close: () => {} };
  const open = (port: number) =>
    serve({ host: "0.0.0.0", port }, {
      identity: { role: "peer", name: "doctor", agent: context.agent },
      security: context.security,
      handlerFor: () => () => {
        throw new LabError("unsupported", "This is a doctor, who only listens");
      },
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
  const identity = toolIdentity(context, state.name);
  let rs: Connection;
  try {
    const at = await registrationServer(ctx, state, own.data);
    const began = context.clock.monotonic();
    rs = await connectRs(at, identity, context, { signal: ctx.signal });
    const ms = context.clock.monotonic() - began;
    tell({ check: "server", health: "ok", seen: `${formatHostPort(at)} answers in ${ms.toFixed(0)} ms` });
  } catch (cause) {
    if (ctx.signal.aborted) throw cause;
    const advice = "Is rs serve running, is its PC on, does its firewall let this in:\n" +
      firewallAdvice(Deno.build.os, { name: "LabSwarm rs", protocol: "TCP", port: 23475 }).join("\n");
    tell({
      ...{ check: "server", health: "fault", seen: messageOf(cause), advice },
      exit: ERROR_CODES[codeOf(cause)],
    });
    return tell({
      check: "port",
      health: "skipped",
      seen: "without a server nobody can be asked to dial back",
    });
  }
  try {
    await lookAtClock(rs, context, tell);
    tell(await dialledBack("port from server", rs, port));
    const others = (await queryPeers(rs, state.cookie === undefined ? {} : { cookie: state.cookie }))
      .filter(({ name, active }) => active && name !== state.name).slice(0, OTHERS);
    if (others.length === 0) {
      tell({ check: "other peers", health: "skipped", seen: "no other peer is active" });
    }
    for (const other of others) await lookAtPeer(ctx, own, other, tell);
  } finally {
    rs.close();
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
    const rule = { name: "LabSwarm peer", protocol: "TCP", port } as const;
    const advice = "A firewall is in the way: others can't fetch from this PC. Let them in, once:\n" +
      firewallAdvice(Deno.build.os, rule).join("\n");
    return { check, health: "fault", seen: printable(reason, 300), advice };
  } catch (cause) {
    return { check, health: "warning", seen: `it could not be asked: ${messageOf(cause)}` };
  }
}

async function lookAtPeer(
  ctx: Patient,
  { context, state, port }: Case,
  other: WirePeer,
  tell: Tell,
): Promise<void> {
  const name = printable(other.name);
  const at = { host: other.address, port: other.port, id: other.id };
  const identity = toolIdentity(context, state.name);
  try {
    const { connection } = await connect(at, identity, { ...context, signal: ctx.signal });
    try {
      tell(await dialledBack(`port from ${name}`, connection, port));
    } finally {
      connection.close();
    }
    const { bytes, seconds } = await probe(at, { context, identity, bytes: BYTES, signal: ctx.signal });
    const rate = bytes / Math.max(seconds, 1e-6);
    tell({
      check: `from ${name}`,
      health: "ok",
      seen: `${formatRate(rate)} (${formatBytes(bytes)} fetched)`,
    });
  } catch (cause) {
    if (ctx.signal.aborted) throw cause;
    const advice = `Run peer doctor on ${name}: its firewall may be in the way`;
    tell({ check: `from ${name}`, health: "warning", seen: messageOf(cause), advice });
  }
}
