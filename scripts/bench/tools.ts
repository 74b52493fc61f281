/** The programs that a bench needs: looked for, and installed by apt where this may be done. */

import { run, RunFailed } from "./measure.ts";

/** Debian package of each program. */
const PACKAGES: Readonly<Record<string, string>> = {
  "/usr/bin/time": "time",
  aria2c: "aria2",
  cmp: "diffutils",
  curl: "curl",
  diff: "diffutils",
  ip: "iproute2",
  iperf3: "iperf3",
  nginx: "nginx-light",
  nsenter: "util-linux",
  openssl: "openssl",
  opentracker: "opentracker",
  python3: "python3",
  rsync: "rsync",
  ss: "iproute2",
  sysctl: "procps",
  taskset: "util-linux",
  tc: "iproute2",
  "udp-receiver": "udpcast",
  "udp-sender": "udpcast",
  uftp: "uftp",
  uftpd: "uftp",
};

/** A bench can't be run here; the message says what to do. */
export class CannotRun extends Error {
  override name = "CannotRun";
}

/** True for root. */
export function isRoot(): boolean {
  return Deno.uid() === 0;
}

/** Whether a program can be found. */
export async function isThere(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${program}`], stdout: "null" })
    .output();
  return success;
}

/**
 * Sees to it that the programs are there; says what it installs.
 *
 * @throws {CannotRun} when some are missing and can't be installed.
 */
export async function needTools(programs: readonly string[]): Promise<void> {
  if (Deno.build.os !== "linux") throw new CannotRun("The benches run on Linux only");
  const missing: string[] = [];
  for (const program of programs) if (!await isThere(program)) missing.push(program);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program] ?? program))];
  const line = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  if (!isRoot() || !await isThere("apt-get")) {
    throw new CannotRun(`${missing.join(", ")} missing: install them, on Debian as root with ${line}`);
  }
  console.error(`${missing.join(", ")} missing; doing: ${line}`);
  try {
    await run("apt-get", "update", "-q");
    await run("env", "DEBIAN_FRONTEND=noninteractive", ...line.split(" "), "-q");
  } catch (error) {
    if (error instanceof RunFailed) throw new CannotRun(error.message);
    throw error;
  }
}
