/** What Linux tells of processes below /proc: CPU time, peak memory, children. */

/** Clock ticks per second in /proc, on every Linux that Deno runs on. */
const TICKS = 100;

/** CPU time of a process, seconds, with that of its children that have ended. */
export interface CpuTime {
  user: number;
  total: number;
}

/** Reads the CPU time from the text of /proc/PID/stat. The program's name in it may hold spaces and brackets. */
export function parseStat(text: string): CpuTime {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // Counted from the state, which is field 3: utime, stime, cutime and cstime are fields 14 to 17.
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number) as [number, number, number, number];
  return { user: (utime + cutime) / TICKS, total: (utime + stime + cutime + cstime) / TICKS };
}

/** Reads the CPU time of the process alone, seconds, from the same text: without its children's. */
export function parseOwn(text: string): number {
  const [utime, stime] = text.slice(text.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number) as [
    number,
    number,
  ];
  return (utime + stime) / TICKS;
}

/** Reads how long all cores together have been busy, seconds, from the text of /proc/stat. */
export function parseMachineBusy(text: string): number {
  const [user, nice, system, , , irq, softirq] = text.split("\n", 1)[0]!.split(/\s+/).slice(1).map(
    Number,
  ) as number[];
  return (user! + nice! + system! + irq! + softirq!) / TICKS;
}

/** Reads the peak resident size, bytes, from the text of /proc/PID/status; 0 for a process that is ending. */
export function parsePeak(text: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Reads the user time of the whole machine, seconds, from the text of /proc/stat. */
export function parseMachineUser(text: string): number {
  const [, user, nice] = text.split("\n", 1)[0]!.split(/\s+/).map(Number) as [number, number, number];
  return (user + nice) / TICKS;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

/** Names of a process's threads. */
export function threadsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) =>
      read(`/proc/${pid}/task/${name}/comm`).trim()
    );
  } catch {
    return [];
  }
}

/** A process and all that it and its children have started, as far as they live. */
export function treeOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const task of Deno.readDirSync(`/proc/${pid}/task`)) {
      const text = read(`/proc/${pid}/task/${task.name}/children`).trim();
      if (text !== "") children.push(...text.split(" ").map(Number));
    }
  } catch { /* it has ended */ }
  return [pid, ...children.flatMap(treeOf)];
}

/** CPU time of some processes with their descendants. */
export function cpuOf(pids: readonly number[]): CpuTime {
  const sum = { user: 0, total: 0 };
  for (const pid of pids.flatMap(treeOf)) {
    const text = read(`/proc/${pid}/stat`);
    if (text === "") continue;
    const { user, total } = parseStat(text);
    sum.user += user;
    sum.total += total;
  }
  return sum;
}

/** The highest resident size that one of these processes or descendants has reached, bytes. */
export function peakOf(pids: readonly number[]): number {
  return pids.flatMap(treeOf).reduce(
    (peak, pid) => Math.max(peak, parsePeak(read(`/proc/${pid}/status`))),
    0,
  );
}

/** The resident size of one process now, bytes; 0 when it has ended. */
export function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** User time of the whole machine since it started, seconds. */
export function machineUser(): number {
  return parseMachineUser(read("/proc/stat"));
}

/** Busy time of all cores since the machine started, seconds. */
export function machineBusy(): number {
  return parseMachineBusy(read("/proc/stat"));
}

/** CPU time of all that this process has started, seconds; what it used itself isn't counted. */
export function childrenCpu(): number {
  return cpuOf([Deno.pid]).total - parseOwn(read("/proc/self/stat"));
}

/**
 * CPU time, user and system, of the processes that are neither this one nor its descendants, seconds. The kernel's own
 * threads aren't counted: they work for everybody.
 */
export function othersCpu(): number {
  const ours = new Set(treeOf(Deno.pid).map(String));
  let sum = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || ours.has(name)) continue;
    const text = read(`/proc/${name}/stat`);
    if (text !== "" && !isKernelThread(text)) sum += parseStat(text).total;
  }
  return sum;
}

/** From the text of /proc/PID/stat: all of them are children of process 2. */
function isKernelThread(text: string): boolean {
  const parent = text.slice(text.lastIndexOf(")") + 2).split(" ")[1];
  return parent === "2" || (parent === "0" && text.startsWith("2 "));
}

/** Ends a process and its descendants at once. */
export function killTree(pid: number): void {
  for (const one of treeOf(pid)) {
    try {
      Deno.kill(one, "SIGKILL");
    } catch { /* it has ended */ }
  }
}
