/** What a contender finds: a LAN, a folder for each host, the file on host 1, and a way to start programs on a host. */

import { emptyDir } from "@std/fs";
import { join } from "@std/path";
import { killTree, peakOf } from "../procfs.ts";
import { inside } from "../../netns.ts";
import type { Lan } from "./lan.ts";

/** The host that has the file at the beginning. */
export const SOURCE = 1;
/** The name of the file. */
export const FILE = "data.bin";

/** The numbers of the receivers when all but the source receive. */
export function receiversOf(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + SOURCE + 1);
}

/** A program that was started on a host. */
export interface Program {
  readonly host: number;
  readonly pid: number;
  /** Once it has ended. */
  readonly end?: { code: number; at: number };
}

/** A contender couldn't do it; the run counts as failed. */
export class SwarmFailed extends Error {
  override name = "SwarmFailed";
}

/** Everything that a run touches; made anew for each. */
export class Stage {
  #programs = new Map<number, { program: Program; over: Promise<void> }>();

  /**
   * @param folder on a tmpfs, with the file in `h1/share`.
   * @param size of the file, bytes.
   * @param receivers numbers of the hosts that are to get it.
   */
  constructor(
    readonly lan: Lan,
    readonly folder: string,
    readonly size: number,
    readonly receivers: readonly number[],
  ) {}

  /** A host's own folder. */
  home(host: number): string {
    return join(this.folder, `h${host}`);
  }

  /** A host's folder for files. */
  share(host: number): string {
    return join(this.home(host), "share");
  }

  /** Where the file is on the source, and will be on the others. */
  file(host: number): string {
    return join(this.share(host), FILE);
  }

  /** Where the others reach a PC. */
  address(host: number): string {
    return this.lan.host(host).address;
  }

  /** Empties everything but the file itself. */
  async clear(): Promise<void> {
    for (const host of [SOURCE, ...this.receivers]) {
      const keep = host === SOURCE ? "share" : "";
      await Deno.mkdir(this.home(host), { recursive: true });
      for await (const { name } of Deno.readDir(this.home(host))) {
        if (name !== keep) await Deno.remove(join(this.home(host), name), { recursive: true });
      }
      if (host !== SOURCE) await emptyDir(this.share(host));
      // Some servers give up being root.
      await Deno.chmod(this.home(host), 0o777);
      await Deno.chmod(this.share(host), 0o777);
    }
  }

  /** Starts a program in the host's own folder; what it says goes into a file there. */
  start(host: number, ...command: string[]): Program {
    const { namespace } = this.lan.host(host);
    const log = join(this.home(host), "log");
    // The shell becomes the program: for the redirection only.
    const script = `exec "$@" >>"${log}" 2>&1`;
    const [first, ...args] = inside(namespace, "sh", "-c", script, "sh", ...command);
    const child = new Deno.Command(first, {
      args,
      cwd: this.home(host),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const program: { host: number; pid: number; end?: { code: number; at: number } } = {
      host,
      pid: child.pid,
    };
    const over = child.status.then(({ code }) => {
      program.end = { code, at: Date.now() };
      this.#programs.delete(child.pid);
    });
    this.#programs.set(child.pid, { program, over });
    return program;
  }

  /** What a host's programs have said so far. */
  log(host: number): string {
    try {
      return Deno.readTextFileSync(join(this.home(host), "log"));
    } catch {
      return "";
    }
  }

  /** The end of it. */
  said(host: number): string {
    return this.log(host).trim().slice(-400);
  }

  /** The highest resident size that one of the running programs has reached, bytes. */
  peak(): number {
    return peakOf([...this.#programs.keys()]);
  }

  /** Ends programs at once: one host's, or all. */
  async kill(host?: number): Promise<void> {
    const chosen = [...this.#programs.values()].filter(({ program }) =>
      host === undefined || program.host === host
    );
    for (const { program } of chosen) killTree(program.pid);
    await Promise.all(chosen.map(({ over }) => over));
  }
}

/** True once a file is there, whole. */
export function isNamed(path: string, size: number): boolean {
  try {
    return Deno.statSync(path).size === size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
