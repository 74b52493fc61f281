/** Stand-ins for the machine, for the tests of this folder. */

import { FakeClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import type { Host } from "./host.ts";
import { Output, type OutputOptions } from "./output.ts";
import type { SignalHandlers, StrayHandlers } from "./signals.ts";
import type { Stream } from "./terminal.ts";

/** A stream that keeps what was written. */
export class FakeStream implements Stream {
  text = "";
  /** Thrown by every write from now on. */
  fault: Error | undefined;
  constructor(readonly isTerminal = false, readonly width = 80) {}
  write(text: string): void {
    if (this.fault) throw this.fault;
    this.text += text;
  }
  columns(): number | undefined {
    return this.isTerminal ? this.width : undefined;
  }
  rows(): number | undefined {
    return this.isTerminal ? 24 : undefined;
  }
}

/** An Output over two fake streams. */
export function fakeOutput(options: Partial<OutputOptions> & { terminal?: boolean; width?: number } = {}) {
  const stdout = new FakeStream(options.terminal, options.width);
  const stderr = new FakeStream(options.terminal, options.width);
  const base = { json: false, quiet: false, debug: false, plain: true };
  return { output: new Output({ ...base, stdout, stderr, ...options }), stdout, stderr };
}

/** A machine whose signals and stray errors a test can cause, and which never really exits. */
export class FakeHost implements Host {
  stdout = new FakeStream();
  stderr = new FakeStream();
  stdinIsTerminal = false;
  plain = true;
  clock = new FakeClock();
  random = seededRandom(1);
  exits: number[] = [];
  signals: SignalHandlers | undefined;
  strays: StrayHandlers | undefined;
  state = "granted";
  permissions = {
    query: () => Promise.resolve({ state: this.state }),
    request: () => Promise.resolve({ state: this.state }),
  };
  exit(code: number): void {
    this.exits.push(code);
  }
  watchSignals(handlers: SignalHandlers): () => void {
    this.signals = handlers;
    return () => this.signals = undefined;
  }
  watchStrays(handlers: StrayHandlers): () => void {
    this.strays = handlers;
    return () => this.strays = undefined;
  }
}
