/** `fetch --from all`, of both programs: a folder per peer, and a receipt for each. */

import { EXIT, LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatSeconds } from "../../base/units.ts";
import { isNamed, printable } from "../../catalog/names.ts";
import { collect, type Collected, type CollectSetting } from "../../peer/fetch/collect.ts";
import type { CommandContext } from "../context.ts";
import { FetchReport } from "./fetch_report.ts";

/** Tells whether a person means every peer; no peer can have that word as its name. */
export function isEverybody(from: string | undefined): boolean {
  return from !== undefined && isNamed("all", from);
}

type Ctx = Pick<CommandContext, "args" | "output" | "progress" | "clock" | "signal">;

/** Collects what matches from every peer, and tells how it went with each. */
export async function collectAll(
  ctx: Ctx,
  setting: Omit<CollectSetting, "patterns" | "listener" | "signal">,
): Promise<number> {
  const { output, clock } = ctx;
  const began = clock.monotonic();
  const report = new FetchReport(ctx);
  let nobodys: readonly string[] = [];
  const receipts = await collect({
    ...setting,
    patterns: [...ctx.args],
    listener: {
      planned: (all) => report.planned(all),
      progress: (progress) => report.progress(progress),
      fetched: (file, peer) => report.fetched(file, peer),
      collected: ({ peer, files, bytes, failed, error }) =>
        output.json({
          ...{ event: "collected", peer, files, bytes, failed },
          ...(error ? { code: error.code, message: error.message } : {}),
        }),
      unmatched: (patterns) => nobodys = patterns,
    },
    signal: ctx.signal,
  }).finally(() => ctx.progress.stop());
  tell(ctx, receipts, setting.folder, (clock.monotonic() - began) / 1000);
  if (nobodys.length > 0 || receipts.every(({ files }) => files === 0)) throw nothingFound(nobodys);
  return EXIT.done;
}

/** @throws {LabError} the first reason why something could not be had. */
function tell({ output }: Ctx, receipts: readonly Collected[], folder: string, seconds: number): void {
  output.table(
    receipts.map(({ peer, files, bytes, error }) => ({
      ...{ peer, files, size: files > 0 ? formatBytes(bytes) : "-" },
      state: error ? "failed" : files > 0 ? "done" : "nothing matched",
      why: error ? printable(error.message) : "",
    })),
    [
      { key: "peer", fixed: true },
      { key: "state", fixed: true },
      { key: "files" },
      { key: "size", align: "right" },
      { key: "why", below: true },
    ],
  );
  const files = receipts.reduce((sum, each) => sum + each.files, 0);
  const bytes = receipts.reduce((sum, each) => sum + each.bytes, 0);
  const from = receipts.filter((each) => each.files > 0).length;
  const failed = receipts.filter(({ error }) => error);
  output.line(
    `${formatCount(files, "file")}, ${formatBytes(bytes)}, from ${from} of ${
      formatCount(receipts.length, "peer")
    } in ${formatSeconds(seconds)} -> ${folder}`,
  );
  const [first] = failed;
  if (first?.error) {
    const names = failed.slice(0, 5).map(({ peer }) => printable(peer)).join(", ");
    throw new LabError(
      first.error.code,
      `Not everything could be collected from ${names}${
        failed.length > 5 ? " and more" : ""
      }; the first reason: ${first.error.message}`,
    );
  }
}

function nothingFound(patterns: readonly string[]): LabError {
  const what = patterns.length === 0
    ? "anything"
    : patterns.slice(0, 5).map((each) => printable(each)).join(", ");
  const it = patterns.length > 1 ? "any of them" : "it";
  return new LabError(
    "not_found",
    `Cannot collect ${what}: no active peer holds ${it}; see rs index or peer index`,
  );
}
