/** Where and of what a measurement was made: without these facts a figure says nothing. */

import { run } from "./measure.ts";

/** The machine and its state before the bench. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  /** Load averages over 1, 5 and 15 minutes, before the bench began. */
  load: number[];
}

/** Looks at this machine. */
export function thisMachine(): Machine {
  const text = (path: string) => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return "";
    }
  };
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(text("/proc/cpuinfo"))?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryGb: Math.round(Deno.systemMemoryInfo().total / 1e9),
    kernel: Deno.osRelease(),
    load: Deno.loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

/** The commit that is measured; "+" after it: with changes that aren't committed. */
export async function commit(root: string): Promise<string> {
  try {
    const id = (await run("git", "-C", root, "rev-parse", "--short=10", "HEAD")).trim();
    const changes = await run(
      "git",
      "-C",
      root,
      "status",
      "--porcelain",
      "--",
      "src",
      "scripts/compile.ts",
      "scripts/compile",
    );
    return changes === "" ? id : `${id}+`;
  } catch {
    return "unknown";
  }
}

/** The first line of what each program says of its version. */
export async function versions(
  programs: Readonly<Record<string, readonly string[]>>,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, [command, ...args]] of Object.entries(programs)) {
    const { stdout, stderr } = await new Deno.Command(command!, { args, stdin: "null" }).output();
    const text = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
    found[name] = /\d+\.\d+[\w.-]*/.exec(text)?.[0] ?? "unknown";
  }
  return found;
}

/** One sentence for the head of a report. */
export function describe({ cpu, cores, memoryGb, kernel, load }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}, load average before ${load.join(" ")}`;
}
