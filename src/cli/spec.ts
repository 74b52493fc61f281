/**
 * The command table: what a program can do, as data. Nothing here runs a command; its module is imported when it is
 * wanted, so that `peer leave` doesn't load what `peer serve` needs.
 */

import type { Folders } from "./baked.ts";
import type { CommandContext } from "./context.ts";
import type { Flags } from "./flags.ts";

/** A positional argument. Optional ones come last, and only the last one may be `many`. */
export interface Positional {
  /** As the help shows it: `NAME`, `NAME|GLOB`, `PATH`. */
  name: string;
  help: string;
  required: boolean;
  /** One or more of them. */
  many?: true;
  /** Names as the index has them, "/" between folders: on Windows "\\" is taken for it, as people write it there. */
  indexed?: true;
  /** Not wanted when this flag is given, such as `all`; both together are refused. */
  unless?: string;
}

/** One example: the line to type, and what it does. */
export type Example = readonly [line: string, explanation: string];

/** What a command's module exports. */
export interface CommandModule<F extends Flags> {
  /**
   * Does the command's work. Done, exit code 0, when it returns nothing; failures are thrown.
   *
   * @returns an exit code where that isn't 0 and the reason has been told already.
   */
  run(ctx: CommandContext<F>): Promise<number | void>;
}

/** A command. */
export interface CommandSpec<F extends Flags> {
  name: string;
  /** Half a line, lower case, no full stop. */
  summary: string;
  /** More, for the command's own help; paragraphs separated by an empty line. */
  description?: string;
  positionals?: readonly Positional[];
  flags: F;
  examples: readonly Example[];
  /** Level of the log on stderr unless `--log-level` says otherwise: "warn" by default, "info" for what serves. */
  logLevel?: "info";
  /** Runs until it is told to stop: a stray error in one corner doesn't end it. */
  serves?: true;
  /** Accepted, but not listed. */
  hidden?: true;
  /** Imports the module with the work. */
  run: () => Promise<CommandModule<F>>;
}

/** A command whose flags' types have been forgotten, as it stands in a table. */
export type Command = CommandSpec<Flags>;

/** A program: its name, its commands, and the folders that it works in unless others were compiled in. */
export interface ProgramSpec {
  name: "rs" | "peer";
  summary: string;
  commands: readonly Command[];
  folders: Folders;
  /** For the overview. */
  examples: readonly Example[];
  /** The command to run when nothing was typed on a terminal, as by a double click; else the overview is shown. */
  alone?: string;
}

/**
 * Puts a command into a table; checks that its module takes the flags that the table promises.
 *
 * @example
 * ```ts
 * import { command } from "./spec.ts";
 * import type { Flags } from "./flags.ts";
 * const flags = { all: { type: "boolean", help: "inactive ones too" } } as const satisfies Flags;
 * const peers = command({
 *   name: "peers",
 *   summary: "list the peers",
 *   flags,
 *   examples: [["rs peers", "who is there"]],
 *   run: () => Promise.resolve({ run: (ctx) => Promise.resolve(ctx.flags.all ? 0 : 1) }),
 * });
 * if (peers.name !== "peers") throw new Error("kept");
 * ```
 */
export function command<const F extends Flags>(spec: CommandSpec<F>): Command {
  return spec as unknown as Command;
}
