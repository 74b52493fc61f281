/**
 * Which lab is meant when nobody has said it: the one that is found on the network. A PC that has joined a lab takes that
 * one alone. Where several answer, the person chooses; where nobody can be asked, the command ends and lists them.
 */

import { toHex } from "../../base/bytes.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import { FINGERPRINT_BYTES, parseCode } from "../../join/code.ts";
import { fromPem } from "../../join/keys.ts";
import { fingerprintOf } from "../../join/request.ts";
import { loadMembership } from "../../peer/membership_file.ts";
import type { Lab } from "../../protocol/discovery/packets.ts";
import { browse } from "../../transport/discovery/browse.ts";
import { systemDatagrams } from "../../transport/discovery/datagrams.ts";
import { firstOpen } from "../../transport/discovery/first_open.ts";
import { dialTcp } from "../../transport/tcp.ts";
import type { CommandContext } from "../context.ts";

/** What looking for a lab needs of a command. */
export type Seeker = Pick<CommandContext, "clock" | "log" | "signal" | "output">;

/** Longest time that an address may take to answer, milliseconds: it has just answered a question. */
const DIAL = 3_000;

/**
 * The id of the lab that a PC looks for: that of the code with which it is about to join, else that of its membership.
 *
 * @param data absolute path of the data folder; reading it must have been granted.
 */
export async function wantedLab(data: string, code?: string): Promise<string | undefined> {
  if (code !== undefined) return toHex(parseCode(code).fingerprint);
  const membership = await loadMembership(data);
  if (!membership) return undefined;
  return toHex(await fingerprintOf(fromPem(membership.credentials.authority), FINGERPRINT_BYTES));
}

/** The labs of this network, by name and address: in the same order whenever one looks. */
export async function findLabs(seeker: Seeker, wanted?: string): Promise<Lab[]> {
  const { clock, log, signal } = seeker;
  const enough = (labs: readonly Lab[]) => labs.some(({ id }) => id === wanted);
  const labs = await browse({ datagrams: systemDatagrams, clock, log, signal, enough });
  return labs.toSorted((a, b) => {
    const [one, other] = [labText(a), labText(b)];
    return one < other ? -1 : one > other ? 1 : 0;
  });
}

/**
 * The registration server of the one lab that is meant.
 *
 * @param wanted the id of the lab; any unless told.
 * @throws {LabError} "unreachable" when there's none; "usage" when there are several and nobody to be asked.
 */
export async function discoverRs(seeker: Seeker, wanted?: string): Promise<HostPort> {
  const labs = await findLabs(seeker, wanted);
  const lab = await choose(seeker, meant(labs, wanted));
  const rs = await reach(seeker, lab);
  seeker.log.info(`Found the lab ${labText(lab)} at ${formatHostPort(rs)}`);
  return rs;
}

/**
 * Those labs of which this PC may mean one.
 *
 * @throws {LabError} "unreachable" when there's none.
 */
export function meant(labs: readonly Lab[], wanted: string | undefined): readonly Lab[] {
  const fit = wanted === undefined ? labs : labs.filter(({ id }) => id === wanted);
  if (fit.length > 0) return fit;
  throw new LabError(
    "unreachable",
    labs.length === 0
      ? "Cannot find a registration server: none is known on this PC yet, and none answered on the network; " +
        "is rs serve running? Say where with --rs HOST[:PORT]"
      : `Cannot find the lab that this PC belongs to: only others answered, ${
        labs.map(labText).join("; ")
      }; ` +
        "is its rs serve running? Say where with --rs HOST[:PORT]",
  );
}

/** A lab for people: name, address and mode. */
export function labText({ name, addresses, port, mode }: Lab): string {
  return `${name} (${addresses[0] === undefined ? mode : `${addresses[0]}:${port}, ${mode}`})`;
}

async function choose({ output, signal }: Seeker, labs: readonly Lab[]): Promise<Lab> {
  if (labs.length === 1) return labs[0]!;
  if (!Deno.stdin.isTerminal() || !output.isInteractive || output.isJson || output.quiet) {
    throw new LabError(
      "usage",
      `Which lab? ${labs.length} answer on this network: ${
        labs.map(labText).join("; ")
      }; say it with --rs HOST[:PORT]`,
    );
  }
  // Loaded only now: it takes hold of the keyboard.
  const [{ clackPrompts }, { WentBack }] = await Promise.all([
    import("./menu/clack_prompts.ts"),
    import("./menu/prompts.ts"),
  ]);
  try {
    const id = await clackPrompts(signal).select({
      message: "Which lab?",
      choices: labs.map((lab) => ({ value: lab.id, label: labText(lab) })),
    });
    return labs.find((lab) => lab.id === id)!;
  } catch (thrown) {
    if (thrown instanceof WentBack) throw new LabError("interrupted", "Interrupted: no lab was chosen");
    throw thrown;
  }
}

/**
 * The address of a lab's server that can be reached.
 *
 * @throws {LabError} "unreachable" when none can.
 */
export async function reach({ clock, signal }: Seeker, lab: Lab): Promise<HostPort> {
  const at = lab.addresses.map((host) => ({ host, port: lab.port }));
  const attempt = async (to: HostPort, over: AbortSignal) => {
    const stream = await dialTcp(to, { clock, timeout: DIAL, signal: over });
    stream.close();
  };
  try {
    return await firstOpen(at, attempt, { clock, signal });
  } catch (cause) {
    if (signal.aborted || !(cause instanceof LabError)) throw cause;
    throw new LabError(
      "unreachable",
      `Cannot reach the lab ${lab.name}, which answers on the network: ${messageOf(cause)}; ` +
        `does its firewall let TCP port ${lab.port} in?`,
      { cause },
    );
  }
}
