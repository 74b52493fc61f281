/**
 * Shows how a broadcast goes while it runs: on a terminal a live view, elsewhere a line now and then, with `--json`
 * `progress` events.
 */

import type { Clock } from "../../base/clock.ts";
import { printable } from "../../catalog/names.ts";
import { LiveBlock } from "../live.ts";
import type { Output } from "../output.ts";
import type { Progress, ProgressReport } from "../progress.ts";
import type { PcCourse } from "./course.ts";
import { summary, viewLines, type ViewState } from "./view.ts";

/** Between two looks, milliseconds: five times a second is smooth to the eye. */
const LOOK_EVERY = 200;
/** Between two lines where nothing can be drawn, milliseconds: at least, and as a part of the time that has passed. */
const LINES = { every: 2_000, part: 0.1 };

/** What a display works with. */
export interface DisplayOptions {
  output: Output;
  progress: Progress;
  clock: Clock;
  /** How it stands now. */
  state: () => ViewState;
}

/** Starts showing; call what it returns when it is over. */
export function showBroadcast(options: DisplayOptions): () => void {
  const { output, clock, progress } = options;
  if (output.isJson) return showEvents(options);
  if (output.quiet) return () => {};
  if (output.screen() === undefined) return showLines(options);
  const block = new LiveBlock(output);
  const stop = clock.every(LOOK_EVERY, () => {
    const state = options.state();
    const size = output.screen();
    progress.follow?.(inAll(state));
    if (size && state.pcs.length > 0) block.draw(viewLines(state, size, output.errColour));
  });
  return () => {
    stop();
    block.close();
  };
}

/** Verified bytes of all PCs together. */
function inAll({ title, total, pcs }: ViewState): ProgressReport {
  const bytes = pcs.reduce((sum, pc) => sum + pc.bytes, 0);
  const rate = Math.round(pcs.reduce((sum, pc) => sum + pc.rate, 0));
  return { name: title, bytes, total: total * pcs.length, rate };
}

/** `progress` events. */
function showEvents({ progress, clock, state }: DisplayOptions): () => void {
  let told = "";
  const tell = () => {
    const now = state();
    if (now.pcs.length === 0) return;
    const report = inAll(now);
    const text = JSON.stringify(report);
    if (text !== told) progress.report(report);
    told = text;
  };
  const stop = clock.every(LOOK_EVERY / 2, tell);
  return () => {
    stop();
    tell();
  };
}

/** A line when a PC fails, and one about all of them every two seconds at first, later less often. */
function showLines({ output, clock, state }: DisplayOptions): () => void {
  const began = clock.monotonic();
  let due = LINES.every;
  const failed = new Set<string>();
  return clock.every(LOOK_EVERY, () => {
    const now = state();
    for (const pc of now.pcs) {
      if (pc.state !== "failed" || failed.has(pc.name)) continue;
      failed.add(pc.name);
      output.note(failure(pc));
    }
    const passed = clock.monotonic() - began;
    if (passed < due || now.pcs.length === 0) return;
    due = passed + Math.max(LINES.every, passed * LINES.part);
    output.note(`${printable(now.title)}: ${summary(now)}`);
  });
}

function failure({ name, reason }: PcCourse): string {
  return `${printable(name)} failed${reason === undefined ? "" : `: ${printable(reason)}`}`;
}
