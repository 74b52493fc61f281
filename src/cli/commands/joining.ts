/** `--join`: where the code comes from, and joining before the serve begins. */

import { codeOf, LabError, RemoteError } from "../../base/errors.ts";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import { cleanPeerName, printable } from "../../catalog/names.ts";
import { parseCode } from "../../join/code.ts";
import { fromPem } from "../../join/keys.ts";
import { isAuthority } from "../../join/request.ts";
import { toolIdentity } from "../../peer/context.ts";
import { joinLab } from "../../peer/join.ts";
import { forgetJoining, joiningKeys } from "../../peer/joining_file.ts";
import { demandPlace, loadMembership, saveMembership } from "../../peer/membership_file.ts";
import { loadPeerState, otherName } from "../../peer/peer_state.ts";
import { connectRs } from "../../peer/rs_client.ts";
import { fileError } from "../../storage/root.ts";
import type { CommandContext } from "../context.ts";
import type { SERVE_FLAGS } from "./peer_flags.ts";
import { hostName, memberContext, peerContext } from "./setting.ts";

type Ctx = CommandContext<typeof SERVE_FLAGS>;

/** Bytes of a code that are read; a code has 29 with its dashes. */
const CODE_BYTES = 256;

/**
 * Joins a lab if a code was given; while a PC is a member of that lab, the code says nothing new.
 *
 * @returns the name that it was given, if it has joined now.
 * @throws {LabError} "not_permitted" when the code isn't good.
 */
export async function joinFirst(
  ctx: Ctx,
  rs: HostPort,
  data: string,
  code: string | undefined,
): Promise<string | undefined> {
  if (code === undefined) return undefined;
  const { fingerprint } = parseCode(code);
  const before = await loadMembership(data);
  if (before && await isAuthority(fromPem(before.credentials.authority), fingerprint)) {
    if (await isMember(ctx, rs, data)) {
      ctx.log.info("This PC has joined that lab already; the code isn't needed");
      return undefined;
    }
    ctx.log.info("This PC's membership doesn't hold any more: joining anew");
  }
  const name = ctx.flags.name ?? (await loadPeerState(data)).name ?? cleanPeerName(hostName());
  await demandPlace(data);
  // Whoever is cut off after the lab has counted it comes again as the same.
  const keys = () => joiningKeys(data, code, ctx.clock);
  const credentials = await joinLab({ rs, code, name, keys, signal: ctx.signal }, peerContext(ctx));
  await saveMembership(data, credentials, ctx.clock);
  await forgetJoining(data);
  const { card } = credentials;
  ctx.log.info(`Joined the lab of ${formatHostPort(rs)} as ${printable(card.name)}, ${card.role}`);
  const wanted = ctx.flags.name;
  if (wanted !== undefined && wanted !== card.name) ctx.log.warn(otherName(wanted, card.name, undefined));
  return card.name;
}

/** Whether the server lets this PC in as the member it was; where it can't be asked, that is to be taken for granted. */
async function isMember(ctx: Ctx, rs: HostPort, data: string): Promise<boolean> {
  const context = await memberContext(ctx, data);
  try {
    (await connectRs(rs, toolIdentity(context), context, { signal: ctx.signal })).close();
    return true;
  } catch (cause) {
    ctx.signal.throwIfAborted();
    return !(cause instanceof RemoteError && codeOf(cause) === "not_permitted");
  }
}

/** The join code that was given, wherever it comes from. */
export async function joinCode({ flags, ensureAccess }: Ctx): Promise<string | undefined> {
  const { join, joinFile } = flags;
  if (joinFile === undefined) return join === "-" ? await firstLine(Deno.stdin) : join;
  const path = await ensureAccess(joinFile, "read", { flag: "--join-file", folder: "data" });
  const what = `Cannot read the join code from ${joinFile}`;
  try {
    using file = await Deno.open(path);
    if ((await file.stat()).isDirectory) {
      throw new LabError("failed", `${what}: it is a folder; name the file that holds the code`);
    }
    return await firstLine(file);
  } catch (cause) {
    throw fileError(cause, what);
  }
}

/**
 * The first line of a text that isn't blank, or what there is of it, without spaces around it; UTF-8, or UTF-16 as Windows'
 * PowerShell writes it to a file.
 *
 * @param source read no further than the line, or {@linkcode CODE_BYTES}.
 */
export async function firstLine(source: { read(into: Uint8Array): Promise<number | null> }): Promise<string> {
  const bytes = new Uint8Array(CODE_BYTES);
  let filled = 0;
  let text = "";
  while (filled < bytes.length && !text.trimStart().includes("\n")) {
    const n = await source.read(bytes.subarray(filled));
    if (n === null) break;
    filled += n;
    text = decoded(bytes.subarray(0, filled));
  }
  return text.trim().split("\n", 1)[0]!.trim();
}

/** Text with or without the mark that begins it. */
function decoded(bytes: Uint8Array): string {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isWide ? "utf-16le" : "utf-8").decode(bytes);
}
