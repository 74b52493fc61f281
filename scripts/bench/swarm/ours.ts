/** Our own executables: `rs serve` on host 1, `peer serve` everywhere else, and the clock starts with `rs broadcast`. */

import { join } from "@std/path";
import { PROGRAMS } from "../bench.ts";
import type { Attempt, Contender } from "./contender.ts";
import { FILE, isNamed, type Program, SOURCE, type Stage, SwarmFailed } from "./stage.ts";

/** The name of our own. */
export const OURS = "ours";

const RS_PORT = 23475;
/** Longest wait for programs to come up, milliseconds. */
const UP_LIMIT_MS = 30_000;

/** What our run consists of, for what happens to it on the way. */
export interface OurAttempt extends Attempt {
  readonly server: Program;
  readonly broadcast: () => Program;
  /** Starts a host's peer again. */
  peer(host: number): Promise<Program>;
}

/** Variations. */
export interface OurOptions {
  /** Of `rs broadcast`. */
  flags?: readonly string[];
  /** Of `peer serve`. */
  peerFlags?: readonly string[];
  /** What is broadcast, below host 1's share. */
  name?: string;
  /** Another program than `peer`, on some hosts. */
  programs?: ReadonlyMap<number, readonly string[]>;
}

/** Waits until a host's programs have said something in their log. */
async function heard(stage: Stage, program: Program, text: string, from = 0): Promise<void> {
  const deadline = performance.now() + UP_LIMIT_MS;
  const log = join(stage.home(program.host), "log");
  while (!Deno.readTextFileSync(log).slice(from).includes(text)) {
    if (program.end || performance.now() > deadline) {
      throw new SwarmFailed(`Host ${program.host} said no ${text}: ${stage.said(program.host)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts everything but the broadcast. */
export async function prepareOurs(stage: Stage, options: OurOptions = {}): Promise<OurAttempt> {
  const { flags = [], peerFlags = [], name = FILE, programs = new Map() } = options;
  const rs = `${stage.address(SOURCE)}:${RS_PORT}`;
  const serve = ["serve", "--open", "--json", "--host", stage.address(SOURCE), "--port", String(RS_PORT)];
  const server = stage.start(SOURCE, PROGRAMS.rs[0], ...serve);
  await Deno.writeTextFile(join(stage.home(SOURCE), "log"), "", { append: true });
  await heard(stage, server, `"listening"`);
  const peer = async (host: number): Promise<Program> => {
    const log = join(stage.home(host), "log");
    await Deno.writeTextFile(log, "", { append: true });
    const from = Deno.readTextFileSync(log).length;
    const program = stage.start(
      host,
      ...programs.get(host) ?? [PROGRAMS.peer[0]],
      ...["serve", "--json", "--rs", rs, "--name", `h${host}`, "--host", stage.address(host), ...peerFlags],
    );
    await heard(stage, program, `"registered"`, from);
    return program;
  };
  await Promise.all(stage.receivers.map(peer));
  let broadcast: Program | undefined;
  return {
    server,
    peer,
    broadcast: () => broadcast!,
    start: () => {
      broadcast = stage.start(
        SOURCE,
        ...[PROGRAMS.rs[0], "broadcast", join("share", name), "--json", "--rs", rs, ...flags],
      );
    },
    mark: (host) => stage.file(host),
    finished: (host) => {
      const isThere = isNamed(stage.file(host), stage.size);
      if (!isThere && broadcast?.end && broadcast.end.code !== 0 && !isKilled(broadcast.end.code)) {
        throw new SwarmFailed(`rs broadcast ended with ${broadcast.end.code}: ${stage.said(SOURCE)}`);
      }
      return isThere;
    },
  };
}

function isKilled(code: number): boolean {
  return code === 137;
}

/** Us. */
export function ours(flags: readonly string[] = []): Contender {
  return { name: OURS, verifies: true, programs: [], prepare: (stage) => prepareOurs(stage, { flags }) };
}
