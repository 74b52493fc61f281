/** A program on a pseudo-terminal, by way of `script` (util-linux): what it shows, and typing to it. */

import type { Lab, Running } from "../../scripts/programs.ts";
import { DIST } from "./lab.ts";
import { join } from "@std/path";

/** What the runtime shows when it asks for a permission. */
export const QUESTION = /Deno requests|Allow\?/;

/** Starts a program as somebody at a terminal does. Its stdout and stderr are both in `stdout`, as a terminal shows them. */
export function onTerminal(lab: Lab, program: "rs" | "peer", pc: string, args: readonly string[]): Running {
  const line = [join(DIST, program), ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(" ");
  const env = { TERM: "xterm-256color", SHELL: "/bin/sh" };
  return lab.start(program, pc, ["-qefc", line, "/dev/null"], ["/usr/bin/script"], { env, stdin: "piped" });
}

/** Waits until the terminal shows something, from a place on. */
export function shows(running: Running, pattern: RegExp, from = 0, timeout = 60_000): Promise<string> {
  const look = () => pattern.exec(running.stdout.slice(from))?.[0];
  return running.until(look, `${pattern} on the terminal`, timeout);
}
