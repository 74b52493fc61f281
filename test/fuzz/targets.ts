/** All targets, and the crashers that were found. */

import type { Bytes } from "../../src/base/bytes.ts";
import type { Crasher, Target } from "./engine.ts";
import { fileTargets } from "./files.ts";
import { handlerTargets } from "./handlers.ts";
import { joiningTargets } from "./joining.ts";
import { wireTargets } from "./wire.ts";

const CRASHERS = new URL("../vectors/crashers/", import.meta.url);

/** All of them. */
export async function allTargets(): Promise<Target[]> {
  return [...wireTargets(), ...fileTargets(), ...await joiningTargets(), ...handlerTargets()];
}

/** The inputs that once broke a target's rules: TARGET.DIGEST.bin. */
export function crashersOf(target: Target): { name: string; input: Bytes }[] {
  return [...Deno.readDirSync(CRASHERS)]
    .filter(({ name }) => name.split(".")[0] === target.name && name.endsWith(".bin"))
    .map(({ name }) => ({ name, input: Deno.readFileSync(new URL(name, CRASHERS)) }));
}

/** Keeps an input for the tests; gives its name. */
export async function keepCrasher({ target, input }: Crasher): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", input as Bytes));
  const name = `${target}.${digest.subarray(0, 6).toHex()}.bin`;
  await Deno.mkdir(CRASHERS, { recursive: true });
  await Deno.writeFile(new URL(name, CRASHERS), input);
  return name;
}
