/** The machine as a program sees it: streams, clock, chance, sandbox, exit. Tests hand in another one. */

import { type Clock, systemClock } from "../base/clock.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { PermissionsApi } from "./permissions.ts";
import { type SignalHandlers, Signals, type StrayHandlers, watchStrays } from "./signals.ts";
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
  const signals = new Signals();
  return {
    stdout: systemStream("stdout"),
    stderr: systemStream("stderr"),
    stdinIsTerminal: Deno.stdin.isTerminal(),
    plain: coloursUnwanted(),
    clock: systemClock,
    random: systemRandom,
    permissions: {
      query: (wanted) => Deno.permissions.query(wanted),
      // The runtime holds up this thread until it is answered: Ctrl-C at the question would be heard by nobody.
      request: (wanted) => signals.unwatched(() => Deno.permissions.request(wanted)),
    },
    exit: (code) => Deno.exit(code),
    watchSignals: (handlers) => signals.watch(handlers),
    watchStrays,
  };
}
