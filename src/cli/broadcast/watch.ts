/** Watches a broadcast for the person: shows it while it runs, and tells at the end how near it came to what is possible. */

import type { Target } from "../../peer/broadcast/broadcast.ts";
import type { RateLimiter } from "../../transport/rate.ts";
import { fileError } from "../../storage/root.ts";
import { messageOf } from "../../base/errors.ts";
import type { CommandContext } from "../context.ts";
import { Course } from "./course.ts";
import { showBroadcast } from "./display.ts";
import { type Efficiency, efficiency, efficiencyText } from "./efficiency.ts";
import { reportHtml } from "./report_html.ts";

/** Between two looks at what the source has sent, milliseconds. */
const LOOK_EVERY = 200;

/** What is watched. */
export interface Watched {
  ctx: Pick<CommandContext, "output" | "progress" | "clock">;
  /** When it began, on the monotonic clock, milliseconds. */
  began: number;
  title: string;
  from: string;
  files: readonly { size: number }[];
  /** Counts what the source sends. */
  limiter: RateLimiter;
  /** Whether it goes by multicast, too. */
  byMulticast: () => boolean;
  /** Absolute path of the report, where one is wanted; writing it must have been granted. */
  report: string | undefined;
}

/** Watches a broadcast. */
export class BroadcastWatch {
  #o: Watched;
  #course = new Course();
  /** When it began, milliseconds since 1970. */
  #began: number;
  /** Bytes that each PC is to have. */
  #total: number;
  #stopLooking: () => void;
  #stopShowing: () => void;

  /** @throws {LabError} when the report can't be written: better now than after an hour. */
  constructor(watched: Watched) {
    this.#o = watched;
    const { clock } = watched.ctx;
    this.#total = watched.files.reduce((sum, { size }) => sum + size, 0);
    this.#began = clock.now() - (clock.monotonic() - watched.began);
    if (watched.report !== undefined) checkWritable(watched.report);
    this.#stopLooking = clock.every(LOOK_EVERY, () => this.#look());
    this.#stopShowing = showBroadcast({ ...watched.ctx, state: () => this.#state() });
  }

  /** Takes in how it stands. */
  changed(targets: readonly Target[]): void {
    this.#course.observe(targets, this.#now());
  }

  /** No more comes. */
  stop(): void {
    this.#look();
    this.#stopLooking();
    this.#stopShowing();
    this.#stopShowing = () => {};
  }

  /** How near it came; undefined where that can't be told. */
  efficiency(): Efficiency | undefined {
    const { sentBytes: bytes, sentBest: best } = this.#course;
    const { limiter, byMulticast } = this.#o;
    return efficiency({
      multicast: byMulticast(),
      bytes: this.#total,
      pcs: this.#course.pcs(this.#now()),
      sent: { bytes, best },
      rate: limiter.unlimited ? undefined : limiter.rate,
    });
  }

  /** The same as fields of the `broadcast` event. */
  get fields(): { efficiency?: Efficiency } {
    const near = this.efficiency();
    return near ? { efficiency: rounded(near) } : {};
  }

  /**
   * Says how near it came, and writes the report.
   *
   * @param id number of the broadcast.
   * @throws {LabError} when the report can't be written.
   */
  tellEnd(id: string): void {
    const near = this.efficiency();
    if (near) this.#o.ctx.output.line(efficiencyText(near));
    this.#writeReport(id, near);
  }

  /** It was ended early: the report tells that too. */
  abandon(id: string, cause: unknown): void {
    this.stop();
    try {
      this.#writeReport(id, undefined, cause);
    } catch (thrown) {
      // What ended it is told to the person; this is one more thing.
      this.#o.ctx.output.note(messageOf(thrown));
    }
  }

  #writeReport(id: string, near: Efficiency | undefined, ended?: unknown): void {
    const { title, from, files, report } = this.#o;
    if (report === undefined) return;
    const html = reportHtml({
      title,
      from,
      id,
      files: files.length,
      total: this.#total,
      began: this.#began,
      seconds: this.#now(),
      sent: this.#course.sentBytes,
      pcs: this.#course.pcs(this.#now()),
      efficiency: near,
      ...ended === undefined ? {} : { ended: messageOf(ended) },
    });
    try {
      Deno.writeTextFileSync(report, html);
    } catch (cause) {
      throw fileError(cause, `Cannot write the report ${report}`);
    }
    this.#o.ctx.output.line(`Report: ${report}`);
  }

  /** Bytes of files that the source has handed to the network so far. */
  get sent(): number {
    return this.#o.limiter.taken;
  }

  #now(): number {
    return (this.#o.ctx.clock.monotonic() - this.#o.began) / 1000;
  }

  #look(): void {
    this.#course.observeSent(this.#o.limiter.taken, this.#now());
  }

  #state() {
    const [title, total] = [this.#o.title, this.#total];
    return { title, total, pcs: this.#course.pcs(this.#now()) };
  }
}

/** Makes the file if it isn't there. */
function checkWritable(path: string): void {
  try {
    Deno.openSync(path, { write: true, create: true }).close();
  } catch (cause) {
    throw fileError(cause, `Cannot write the report ${path}`);
  }
}

/** Milliseconds and whole bytes per second are enough for a reader. */
function rounded(near: Efficiency): Efficiency {
  const third = (value: number) => Math.round(value * 1000) / 1000;
  const { seconds, bound, eta, sourceUp, slowest } = near;
  return {
    ...near,
    seconds: third(seconds),
    bound: third(bound),
    eta: third(eta),
    sourceUp: Math.round(sourceUp),
    slowest: { ...slowest, down: Math.round(slowest.down) },
  };
}
