/** The machine as a program sees it: streams, clock, chance, sandbox, exit. Tests hand in another one. */

import { type Clock, systemClock } from "../base/clock.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { PermissionsApi } from "./permissions.ts";
import { type SignalHandlers, type StrayHandlers, watchSignals, watchStrays } from "./signals.ts";
import { coloursUnwanted, type Stream, systemStream } from "./terminal.ts";

/** Everything outside that `runProgram` uses. */
export interface Host {
  stdout: Stream;
  stderr: Stream;
  /** Somebody can type. */
  stdinIsTerminal: boolean;
  /** No colours. */
  plain: boolean;
  clock: Clock;
  random: Random;
  permissions: PermissionsApi;
  /** Ends the process at once. */
  exit(code: number): void;
  watchSignals(handlers: SignalHandlers): () => void;
  watchStrays(handlers: StrayHandlers): () => void;
}

/** The real machine. */
export function systemHost(): Host {
  return {
    stdout: systemStream("stdout"),
    stderr: systemStream("stderr"),
    stdinIsTerminal: Deno.stdin.isTerminal(),
    plain: coloursUnwanted(),
    clock: systemClock,
    random: systemRandom,
    permissions: Deno.permissions,
    exit: (code) => Deno.exit(code),
    watchSignals,
    watchStrays,
  };
}
