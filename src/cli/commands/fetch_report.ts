/** How a fetch is told: progress, a line or an event per file, each failure once. */

import type { LabError } from "../../base/errors.ts";
import { formatBytes, formatRate, formatSeconds } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import type { FetchedFile } from "../../peer/fetch/content_run.ts";
import type { FetchListener } from "../../peer/fetch/engine_options.ts";
import type { CommandContext } from "../context.ts";

/** What telling takes of a command's context. */
type Telling = Pick<CommandContext, "output" | "progress" | "clock">;

/** Files told one by one; of more, a summary says the rest. */
const TOLD_ONE_BY_ONE = 20;

/** Tells how a fetch goes. */
export class FetchReport implements FetchListener {
  #ctx: Telling;
  #files = 0;
  #present = 0;
  #bytes = 0;
  #failures: LabError[] = [];
  #began: number;

  constructor(ctx: Telling) {
    this.#ctx = ctx;
    this.#began = ctx.clock.monotonic();
  }

  planned(all: { files: number; bytes: number }): void {
    this.#ctx.progress.expect(all);
  }

  progress(progress: Parameters<FetchListener["progress"]>[0]): void {
    this.#ctx.progress.report(progress);
  }

  /** @param peer whose file it is, where each peer's are kept apart. */
  fetched(file: FetchedFile, peer?: string): void {
    const { output } = this.#ctx;
    const { name, bytes, seconds, sources, sha256, path } = file;
    output.json({
      event: "fetched",
      name,
      bytes,
      seconds: round(seconds),
      sources,
      sha256,
      path,
      ...(peer === undefined ? {} : { peer }),
    });
    this.#bytes += bytes;
    if (file.present) this.#present++;
    if (++this.#files > TOLD_ONE_BY_ONE) return;
    const shown = printable(peer === undefined ? name : `${peer}/${name}`);
    if (file.present) return output.line(`${shown} is here already: ${path}`);
    const from = sources === 1 ? printable(file.from[0] ?? "1 peer") : `${sources} peers`;
    // A rate says nothing of a file that waited longer than it took.
    const rate = seconds > 0.05 && bytes > 1e6 ? `, ${formatRate(bytes / seconds)}` : "";
    output.line(
      `${shown}: ${formatBytes(file.size)} from ${from} in ${formatSeconds(seconds)}${rate} -> ${path}`,
    );
  }

  failed(_names: string[], error: LabError): void {
    this.#failures.push(error);
  }

  waiting(name: string): void {
    this.#ctx.output.note(
      `${
        printable(name)
      } is on its way here already, by a broadcast or another fetch: waiting for it (peer status ` +
        "tells how far it is)",
    );
  }

  /** Tells the sum, and the failures if there are several; a single one is told by the error that ends the command. */
  end(): void {
    const { output, clock } = this.#ctx;
    if (this.#failures.length > 1) {
      for (const failure of this.#failures.slice(0, TOLD_ONE_BY_ONE)) output.note(failure.message);
    }
    if (this.#files <= 1) return;
    const seconds = (clock.monotonic() - this.#began) / 1000;
    const present = this.#present > 0 ? `, ${this.#present} of them here already` : "";
    output.line(
      `${this.#files} files${present}; ${formatBytes(this.#bytes)} fetched in ${formatSeconds(seconds)}`,
    );
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
