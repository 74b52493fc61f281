/** Long work of the menu: begun in the foreground, perhaps left to itself, looked at under Transfers. */

import { codeOf } from "../../../base/errors.ts";
import { formatCount } from "../../../base/units.ts";
import { printable } from "../../../catalog/names.ts";
import type { Transfer } from "../../../peer/serve/transfers.ts";
import { explain } from "../../failure.ts";
import type { Flags } from "../../flags.ts";
import type { CommandModule } from "../../spec.ts";
import { layOut } from "../../table.ts";
import { TRANSFER_COLUMNS } from "../transfer_table.ts";
import type { Menu } from "./actions.ts";
import type { Job } from "./jobs.ts";

/** A command to run, and how to call what it does. */
export interface Work<F extends Flags> {
  title: string;
  direction: "in" | "out";
  command: CommandModule<F>;
  name: string;
  args: readonly string[];
  flags: Record<string, unknown>;
}

/** Runs a command that may take long; the person may have the menu back before it is done. */
export async function carryOut<F extends Flags>(menu: Menu, work: Work<F>): Promise<void> {
  const { session, prompts } = menu;
  const { title, direction, command, name, args, flags } = work;
  const job = session.newJob(title, direction);
  let done = Promise.resolve();
  const how = await prompts.busyOrAside((signal) =>
    done = job.run((voice) => session.run(command, name, { args, flags, ...voice }), signal)
  );
  if (how === "done") return;
  job.stepAside();
  session.jobs.keep(job, done, (thrown) => tellEnd(menu, job, thrown));
  prompts.tell("info", `${printable(title)} goes on; see Transfers`);
}

function tellEnd({ session }: Menu, { title, lastLine }: Job, thrown: unknown): void {
  if (thrown === undefined) session.log.news(lastLine === "" ? `${printable(title)}: done` : lastLine);
  else if (codeOf(thrown) !== "interrupted") session.log.news(explain(thrown).message, "error");
}

/** Shows what is under way, until the person has seen enough. */
export async function watchTransfers({ session, prompts }: Menu): Promise<void> {
  await prompts.watch(async () => {
    const { transfers = [] } = await session.status() ?? {};
    return transferLines(transfers, session.jobs.running, session.width());
  });
}

/**
 * What is under way as lines.
 *
 * @param transfers what the serve tells.
 * @param jobs the menu's own work; what the serve tells of it too is told once.
 */
export function transferLines(
  transfers: readonly Transfer[],
  jobs: readonly Pick<Job, "title" | "direction" | "reports">[],
  width: number,
): string[] {
  const told = new Set(transfers.filter(({ direction }) => direction === "in").map(({ name }) => name));
  const own = jobs.flatMap(({ title, direction, reports }): Transfer[] => {
    if (reports.length === 0) return [{ direction, name: title, bytes: 0, rate: 0 }];
    const left = direction === "in" ? reports.filter(({ name }) => !told.has(name)) : reports;
    return left.map((report) => ({ direction, ...report }));
  });
  const all = [...own, ...transfers];
  if (all.length === 0) return ["Nothing is under way at the moment"];
  return [formatCount(all.length, "transfer"), ...layOut(all, TRANSFER_COLUMNS, { width })];
}
