/**
 * How tests start a Windows executable under Wine. Not responsible for setting Wine up: that is setup.sh.
 *
 * `LABSWARM_REQUIRE_WINE=1` turns "no Wine, tests skipped" into a failure; continuous integration sets it.
 */

const RUN = decodeURIComponent(new URL("./run.sh", import.meta.url).pathname);

/**
 * Tells whether Wine has been set up here.
 *
 * @throws {Error} when it hasn't and `LABSWARM_REQUIRE_WINE` is set.
 */
export async function wineReady(): Promise<boolean> {
  const ready = Deno.build.os === "linux" &&
    (await new Deno.Command(RUN, { args: ["--check"], stderr: "null" }).output()).success;
  if (!ready && Deno.env.get("LABSWARM_REQUIRE_WINE")) {
    throw new Error("Cannot find Wine, and LABSWARM_REQUIRE_WINE is set: run scripts/wine/setup.sh");
  }
  return ready;
}

/** The command line that runs a Windows executable: put it before the program's own arguments. */
export function wineCommand(exe: string): [command: string, ...args: string[]] {
  return [RUN, exe];
}

/** Ends the Wine server: the next one opens its sockets in the network of the program that starts it. */
export async function stopWine(): Promise<void> {
  await new Deno.Command(RUN, { args: ["--stop"], stdout: "null" }).output();
}
