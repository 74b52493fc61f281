/**
 * For tests that hold work to a bound: a busy machine lengthens the time on the wall, not the time on the CPU. This thread's
 * alone, for the process runs other files of tests beside it.
 */

import process from "node:process";

/** CLOCK_THREAD_CPUTIME_ID: the runtime's own count of a thread goes by ticks of 10 ms. */
const THREAD_CLOCK = 3;
const time = new BigInt64Array(2);
const libc = Deno.build.os === "linux"
  ? Deno.dlopen("libc.so.6", { clock_gettime: { parameters: ["i32", "buffer"], result: "i32" } })
  : undefined;

/** CPU time that this thread has used so far, milliseconds. */
export function cpuTime(): number {
  if (libc?.symbols.clock_gettime(THREAD_CLOCK, time) === 0) {
    return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
  }
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
