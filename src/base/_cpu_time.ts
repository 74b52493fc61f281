/** For tests that hold work to a bound: a busy machine lengthens the time on the wall, not the time on the CPU. */

import process from "node:process";

/** CPU time that this process has used so far, milliseconds. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
