/** `rs doctor`: every peer against every other; which PC, which cable, which pair is slow. */

import { LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatRate } from "../../base/units.ts";
import { connectControl } from "../../peer/control.ts";
import type { CommandContext } from "../context.ts";
import { judgeSpace } from "../doctor/findings.ts";
import { judge, type Measured, median } from "../doctor/matrix.ts";
import { textOf } from "../doctor/verdict_text.ts";
import { freeSpace } from "../../storage/space.ts";
import { LiveBlock } from "../live.ts";
import { type Column, shorten } from "../table.ts";
import type { RS_DOCTOR_FLAGS } from "./rs_flags.ts";
import { memberContext } from "./setting.ts";

type Ctx = CommandContext<typeof RS_DOCTOR_FLAGS>;

/** A table of everybody against everybody is only readable for so many. */
const MOST_COLUMNS = 10;

/**
 * Measures and judges.
 *
 * @throws {LabError} when something is wrong, after all of it has been told.
 */
export async function run(ctx: Ctx): Promise<number> {
  const { output } = ctx;
  const isFull = await lookAtDisk(ctx);
  const ways = await measureAll(ctx);
  const names = [...new Set(ways.flatMap(({ from, to }) => [from, to]))].toSorted();
  if (names.length < 2) {
    output.result("Fewer than two peers are active: there is nothing to measure");
    if (isFull) throw wrong(0, isFull);
    return 0;
  }
  const verdicts = judge(ways);
  for (const verdict of verdicts) output.json({ event: "verdict", ...verdict });
  if (names.length <= MOST_COLUMNS) showMatrix(ctx, names, ways);
  else showPeers(ctx, names, ways);
  for (const verdict of verdicts) {
    output.result("");
    for (const line of textOf(verdict)) output.result(line);
  }
  if (verdicts.length > 0 || isFull) throw wrong(verdicts.length, isFull);
  output.line("All is well: no way is slower than half of what is usual here");
  return 0;
}

/** What the command ends with. */
function wrong(verdicts: number, isFull: boolean): LabError {
  const all = [
    ...isFull ? ["the disk of the server's data is full"] : [],
    ...verdicts > 0 ? [`${formatCount(verdicts, "fault")} between the PCs`] : [],
  ];
  return new LabError("failed", `Not all is well: ${all.join(", and ")}; what mends it is told with each`);
}

/** A server whose disk is full serves on and keeps nothing: said before anything else. @returns whether it is. */
async function lookAtDisk({ output, folders, ensureAccess }: Ctx): Promise<boolean> {
  const data = await ensureAccess(folders.data, "read", { flag: "--data", folder: "data" });
  const free = freeSpace(data);
  const { check, health, seen, advice } = judgeSpace(free, `${formatBytes(free ?? 0)} in ${data}`);
  if (health !== "fault") return false;
  output.json({ event: "check", check, health, seen, advice });
  for (const line of [`${check} is wrong: ${seen}`, `  ${advice}`, ""]) output.result(line);
  return true;
}

async function measureAll(ctx: Ctx): Promise<Measured[]> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read", { flag: "--data", folder: "data" });
  const control = await connectControl(data, "rs", await memberContext(ctx, data));
  if (!control) {
    throw new LabError(
      "unreachable",
      `Cannot examine the lab: no rs serve runs on ${ctx.folders.data}; run rs doctor on its PC, in its folder`,
    );
  }
  const { output } = ctx;
  const ways: Measured[] = [];
  const live = output.isInteractive && !output.quiet && !output.isJson ? new LiveBlock(output) : undefined;
  let all = 0;
  try {
    await control.run("doctor", {}, (line) => {
      if (line.event === "doctor") {
        all = Number(line.ways);
        output.note(`Measuring between ${formatCount(Number(line.peers), "peer")}`);
      } else if (line.event === "way") {
        ways.push(line as unknown as Measured);
        output.json(line as { event: string });
      } else return;
      const columns = output.screen()?.columns;
      if (columns !== undefined) {
        live?.draw([
          shorten(`${ways.length} of ${formatCount(all, "way")} measured`, Math.max(1, columns - 1)),
        ]);
      }
    }, ctx.signal);
  } finally {
    live?.close();
    control.close();
  }
  return ways;
}

/** Rows send, columns receive. */
function showMatrix({ output }: Ctx, names: readonly string[], ways: readonly Measured[]): void {
  const rows = names.map((from) => {
    const row: Record<string, string> = { from };
    for (const to of names) row[`to ${to}`] = from === to ? "" : rateText(ways, from, to);
    return row;
  });
  const columns: Column<Record<string, string>>[] = [
    { key: "from", fixed: true },
    ...names.map((to): Column<Record<string, string>> => ({
      key: `to ${to}`,
      title: "to",
      of: to,
      align: "right",
    })),
  ];
  output.table(rows, columns);
}

function rateText(ways: readonly Measured[], from: string, to: string): string {
  const way = ways.find((each) => each.from === from && each.to === to);
  return way?.rate === undefined ? "none" : formatRate(way.rate);
}

/** A line per PC: the middle of its rates, and its worst. */
function showPeers({ output }: Ctx, names: readonly string[], ways: readonly Measured[]): void {
  const middle = (rates: number[]) => {
    const rate = median(rates);
    return rate === undefined ? "none" : formatRate(rate);
  };
  const rows = names.map((peer) => {
    const ratesOf = (end: "from" | "to") =>
      ways.flatMap((way) => way[end] === peer && way.rate !== undefined ? [way.rate] : []);
    const all = [...ratesOf("from"), ...ratesOf("to")];
    const lost = ways.filter((way) =>
      (way.from === peer || way.to === peer) && way.rate === undefined
    ).length;
    return {
      peer,
      ...{ sends: middle(ratesOf("from")), receives: middle(ratesOf("to")) },
      slowest: all.length === 0 ? "none" : formatRate(Math.min(...all)),
      "no way": lost,
    };
  });
  output.table(rows, [
    { key: "peer" },
    ...["sends", "receives", "slowest"].map((key) => ({ key: key as "sends", align: "right" as const })),
    { key: "no way" },
  ]);
}
