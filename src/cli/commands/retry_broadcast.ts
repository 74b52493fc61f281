/** `rs broadcast --retry-failed ID`: the registration server offers a broadcast again to those who don't have it. */

import { EXIT, LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatSeconds, type HostPort } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { connectRs, queryBroadcasts } from "../../peer/rs_client.ts";
import type { WireBroadcast, WireBroadcastPeer } from "../../protocol/messages.ts";
import type { Connection } from "../../transport/connection.ts";
import type { CommandContext } from "../context.ts";
import type { BROADCAST_FLAGS } from "./common_flags.ts";
import { notEverywhere } from "../broadcast/shortfall.ts";
import { wholeId } from "./rs_broadcasts.ts";

type Ctx = CommandContext<typeof BROADCAST_FLAGS>;

/** Pause between two looks at how it stands, milliseconds. */
const LOOK = 500;
/** Who waits for longer is told for whom, milliseconds. */
const SAID_AFTER = 2_000;
/** Names that are told; of more, how many. */
const MOST_NAMES = 5;

/** How it ended. */
interface End {
  broadcast: WireBroadcast;
  peers: WireBroadcastPeer[];
  /** Names of those who were to get it this time: there, and not done when it began. */
  tried: Set<string>;
}

/** Has a broadcast offered again, waits for those who are there, and tells how it stands. */
export async function retryBroadcast(
  ctx: Ctx,
  { rs, context }: { rs: HostPort; context: PeerContext },
  wanted: string,
): Promise<number> {
  const began = ctx.clock.monotonic();
  const connection = await connectRs(rs, toolIdentity(context), context, { signal: ctx.signal });
  try {
    const id = await wholeId(connection, wanted);
    const before = await queryBroadcasts(connection, { id });
    await connection.request({ kind: "Retry", id }, "Noted");
    const missing = before.peers.filter(({ active, state }) => active && state !== "done");
    const tried = new Set(missing.map(({ name }) => name));
    const end = await watch(ctx, connection, id, tried, began);
    return tell(ctx, end, (ctx.clock.monotonic() - began) / 1000);
  } finally {
    connection.close();
  }
}

async function watch(
  ctx: Ctx,
  rs: Connection,
  id: string,
  tried: Set<string>,
  began: number,
): Promise<End> {
  const { clock, signal, flags, output } = ctx;
  let said: string | undefined;
  while (true) {
    const { broadcasts: [broadcast], peers } = await queryBroadcasts(rs, { id });
    if (!broadcast) throw new LabError("not_found", "The broadcast was forgotten");
    const isOpen = ({ name, state, active }: WireBroadcastPeer) =>
      tried.has(name) && active && (state === "waiting" || state === "receiving");
    const isOver = broadcast.state === "withdrawn" || clock.monotonic() - began > flags.timeout;
    const open = peers.filter(isOpen);
    if (isOver || open.length === 0) return { broadcast, peers, tried };
    const text = waitingText(open);
    if (clock.monotonic() - began > SAID_AFTER && text !== said) output.note(said = text);
    await clock.sleep(LOOK, signal);
  }
}

/** For whom one waits, and for what. */
function waitingText(open: readonly WireBroadcastPeer[]): string {
  const named = (state: WireBroadcastPeer["state"]) => {
    const names = open.filter((peer) => peer.state === state).map(({ name }) => printable(name));
    const more = names.length > MOST_NAMES ? [`${names.length - MOST_NAMES} more`] : [];
    return [...names.slice(0, MOST_NAMES), ...more].join(", ");
  };
  const [under, waiting] = [named("receiving"), named("waiting")];
  const parts = [
    ...under === "" ? [] : [`under way to ${under}`],
    ...waiting === "" ? [] : [`not begun to ${waiting}: that takes a PC that is on and has it`],
  ];
  return `Waiting: ${parts.join("; ")}`;
}

function tell(ctx: Ctx, { broadcast, peers, tried }: End, seconds: number): number {
  const { output } = ctx;
  const shown = peers.filter(({ name }) => tried.has(name));
  const done = shown.filter(({ state }) => state === "done").length;
  const waiting = peers.filter(({ active, state }) => !active && state !== "done").length;
  output.json({
    event: "broadcast",
    ...{ id: broadcast.id, name: broadcast.name, peers: shown.length, done, failed: shown.length - done },
    ...{ waiting, seconds: Math.round(seconds * 1000) / 1000 },
    receipts: shown.map(({ name, state, reason }) => ({
      ...{ peer: name, state },
      ...(reason === undefined ? {} : { reason }),
    })),
  });
  if (shown.length > 0) {
    output.table(shown, [{ key: "name", title: "peer", fixed: true }, { key: "state" }, {
      key: "reason",
      title: "why",
      below: true,
    }]);
  }
  const how = shown.length > 0
    ? `${done} of ${formatCount(shown.length, "PC")} done in ${formatSeconds(seconds)}`
    : waiting > 0
    ? "every PC that is on has it"
    : "every PC has it";
  const when = waiting === 1 ? "it registers" : "they register";
  const off = waiting > 0 ? `; ${formatCount(waiting, "PC")} off now, to get it when ${when}` : "";
  output.line(`${printable(broadcast.name)}, ${formatBytes(broadcast.bytes)}: ${how}${off}`);
  if (done === shown.length) return EXIT.done;
  throw notEverywhere({
    ...{ id: broadcast.id, name: broadcast.name, peers: shown.length },
    failed: shown.filter(({ state }) => state !== "done").map(({ name, state, reason }) => ({
      name,
      reason: reason ?? (state === "failed" ? undefined : "it has not got all of it until now"),
    })),
    withdrawn: broadcast.state === "withdrawn",
  });
}
