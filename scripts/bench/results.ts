/** The files of results, one line of JSON per bench, which are kept in the repository. */

import { fromFileUrl, join } from "@std/path";
import { commit, type Machine } from "./machine.ts";

/** The project's folder. */
export const ROOT = fromFileUrl(new URL("../..", import.meta.url));

/** Appends a result to the bench's file, and says where. */
export async function record(
  bench: string,
  machine: Machine,
  result: Readonly<Record<string, unknown>>,
): Promise<void> {
  const folder = join(ROOT, "scripts", "bench", "results");
  await Deno.mkdir(folder, { recursive: true });
  const path = join(folder, `${bench}.jsonl`);
  const line = { bench, commit: await commit(ROOT), date: new Date().toISOString(), machine, ...result };
  await Deno.writeTextFile(path, JSON.stringify(line) + "\n", { append: true });
  console.log(`Added to ${path}`);
}
