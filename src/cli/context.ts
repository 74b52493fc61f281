/** What a command is handed when it runs. It touches the terminal, the clock and the sandbox only through this. */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Folders } from "./baked.ts";
import type { Flags, FlagValues, GlobalValues } from "./flags.ts";
import type { Output } from "./output.ts";
import type { EnsureAccess } from "./permissions.ts";
import type { Progress } from "./progress.ts";

/** Everything that a command may use; `F` is its own table of flags. */
export interface CommandContext<F extends Flags = Flags> {
  /** "rs" or "peer". */
  readonly program: string;
  /** The command's name. */
  readonly command: string;
  /** Positional arguments, their number already checked. */
  readonly args: readonly string[];
  /** Values of the command's own flags and of those that every command has. */
  readonly flags: FlagValues<F> & GlobalValues;
  /** Names of the flags that the person wrote, as written in the table (`http-port`). */
  readonly given: ReadonlySet<string>;
  readonly output: Output;
  readonly log: Logger;
  /** Aborted by the first Ctrl-C or a closed stdout; pass it to whatever waits. */
  readonly signal: AbortSignal;
  /** The share and the data folder: what `--share` and `--data` say, else what was compiled in. */
  readonly folders: Readonly<Folders>;
  readonly clock: Clock;
  readonly random: Random;
  readonly progress: Progress;
  /** Makes sure that a path which the person named may be touched; the only thing that ever asks. */
  readonly ensureAccess: EnsureAccess;
}
