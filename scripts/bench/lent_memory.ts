/**
 * Memory that a host lends to a virtual machine. A page that the machine hasn't used yet, or has given back, must first be
 * had from the host: on one such machine a GiB took 3.2 s of CPU that way, and 0.3 s when it was there. Linux with free page
 * reporting gives back whatever lies free, within a second. So a bench that fills memory measured the host: 32 PCs that got
 * 32 MiB each took 1.23 of F/B, with 3.4 s of CPU in the kernel's copying alone, and 1.08 with memory that was there.
 */

import type { Cleanup } from "./cleanup.ts";
import { run } from "./measure.ts";

/** Free blocks of 2 to this power of pages, and larger ones, are given back. */
const REPORTED_FROM = "/sys/module/page_reporting/parameters/page_reporting_order";
/** There are none so large. */
const NONE = "11";

/** Written at a time, bytes. */
const STEP = 4 * 1024 * 1024;
/** What is left to the machine for other things. */
const MOST_OF_FREE = 0.85;

/**
 * Has the system keep what is free, until the end; nothing where it can't be told so.
 *
 * @param file where the system reads it.
 */
export function keepFreeMemory(cleanup: Cleanup, file: string = REPORTED_FROM): void {
  try {
    const before = Deno.readTextFileSync(file);
    Deno.writeTextFileSync(file, NONE);
    cleanup.add(() => Deno.writeTextFileSync(file, before));
  } catch { /* no such kernel, or not of this kind: then only what is used first is had in advance */ }
}

/**
 * Uses memory once, so that what is measured afterwards finds it there.
 *
 * @param bytes what will be needed; as much of it as is free.
 * @param folder to mount a tmpfs on meanwhile.
 */
export async function haveMemory(bytes: number, folder: string, signal: AbortSignal): Promise<void> {
  const most = Math.min(bytes, Deno.systemMemoryInfo().available * MOST_OF_FREE);
  const began = performance.now();
  await run("mount", "-t", "tmpfs", "-o", `size=${Math.ceil(most) + STEP}`, "labswarm-memory", folder);
  try {
    using file = await Deno.open(`${folder}/used`, { write: true, create: true });
    const step = new Uint8Array(STEP).fill(1);
    for (let at = 0; at < most && !signal.aborted;) at += await file.write(step);
  } finally {
    await run("umount", folder);
  }
  const seconds = (performance.now() - began) / 1000;
  console.error(`${(most / 1e9).toFixed(1)} GB of memory used once, in ${seconds.toFixed(1)} s`);
}
