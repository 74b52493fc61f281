/**
 * The demo (`deno task demo`): a registration server and three peers on this machine, on real files, with the compiled
 * executables. It tells what it does, verifies what it tells, and cleans up, interrupted or not.
 *
 * Exit code: 0 when all of it held, 1 when something did not, 130 when interrupted.
 */

import { exists } from "@std/fs";
import { fromFileUrl, join } from "@std/path";
import { dim, getColorEnabled, green, red, setColorEnabled } from "@std/fmt";
import { watchSignals } from "../src/cli/signals.ts";
import type { Launcher } from "./programs.ts";
import { Narrator } from "./demo/narrator.ts";
import { Stage } from "./demo/stage.ts";
import { play } from "./demo/story.ts";

const INTERRUPTED = 130;

function executable(name: string): Launcher {
  const file = Deno.build.os === "windows" ? `${name}.exe` : name;
  return [join(fromFileUrl(new URL("../dist/", import.meta.url)), file)];
}

/** Plays the story; gives the exit code. */
async function main(): Promise<number> {
  const began = performance.now();
  setColorEnabled(getColorEnabled() && Deno.stdout.isTerminal());
  const tell = new Narrator();
  const stage = new Stage({ rs: executable("rs"), peer: executable("peer") }, tell);
  const interrupted = Promise.withResolvers<"interrupted">();
  const unwatch = watchSignals({
    first: () => interrupted.resolve("interrupted"),
    again: () => Deno.exit(INTERRUPTED),
  });
  console.log(`LabSwarm: a lab of four PCs, played on this one, in ${stage.lab.folder}`);
  try {
    const story = play(stage);
    // After an interruption the rest of the story fails, since its programs are gone; nobody needs to hear of that.
    story.catch(() => {});
    if (await Promise.race([story, interrupted.promise]) === "interrupted") return INTERRUPTED;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(green(`\nAll of it held: ${tell.checks} checks in ${seconds} s.`));
    return 0;
  } catch (error) {
    console.error(red(`\nThe demo failed after ${tell.checks} checks. ${(error as Error).message}`));
    return 1;
  } finally {
    await stage.close();
    unwatch();
    const left = await exists(stage.lab.folder) ? "could not be removed" : "is removed";
    console.log(dim(`All programs have ended, and ${stage.lab.folder} ${left}.`));
  }
}

if (import.meta.main) Deno.exit(await main());
