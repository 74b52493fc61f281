/**
 * Records what programs say to each other: a network namespace of its own, so that nobody else's traffic is in it, and
 * dumpcap on its loopback. For root on Linux; needs `ip` and `dumpcap` (Debian: iproute2, tshark).
 */

import { join } from "@std/path";
import type { Launcher } from "../programs.ts";

/** The last packet of a recording: when it's in the file, everything before it is, too. */
const LAST_WORD = "labswarm-end-of-recording";
const LAST_PORT = 9;
/** What the programs take for the name of their PC. */
const HOST = "lab-pc";
const FILTER = `tcp or udp port ${LAST_PORT}`;
const POLL_MS = 20;
const PATIENCE_MS = 10_000;

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** A recording that runs. */
export class Recording {
  #stopped = false;

  private constructor(
    readonly path: string,
    private namespace: string,
    private dumpcap: Deno.ChildProcess,
    private log: Promise<string>,
  ) {}

  /**
   * Starts recording.
   *
   * @param folder for the capture, `capture.pcap`: a format that says nothing of the machine.
   * @throws {Error} when there is no right to make a namespace, or dumpcap doesn't start.
   */
  static async start(folder: string): Promise<Recording> {
    const namespace = `labswarm-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
    const path = join(folder, "capture.pcap");
    await run("ip", "netns", "add", namespace);
    try {
      await run("ip", "-n", namespace, "link", "set", "lo", "up");
      const dumpcap = new Deno.Command("ip", {
        args: ["netns", "exec", namespace, "dumpcap", "-q", "-P", "-i", "lo", "-w", path, "-f", FILTER],
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const { promise: ready, resolve } = Promise.withResolvers<void>();
      const log = listen(dumpcap.stderr, /^File: /m, resolve);
      const failed = dumpcap.status.then(async () => {
        throw new Error(`dumpcap ended: ${await log}`);
      });
      await Promise.race([ready, failed]);
      failed.catch(() => {/* ended because it was told to */});
      return new Recording(path, namespace, dumpcap, log);
    } catch (cause) {
      await run("ip", "netns", "delete", namespace);
      throw cause;
    }
  }

  /** Starts a program inside, on a PC whose name says nothing of this machine. */
  inside(executable: string): Launcher {
    const become = `echo ${HOST} > /proc/sys/kernel/hostname && exec "$0" "$@"`;
    const inside = ["netns", "exec", this.namespace, "/usr/bin/unshare", "--uts", "/bin/sh", "-c", become];
    return ["ip", ...inside, executable];
  }

  /** Ends the recording once all that was sent is in the file. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    try {
      const speak = `printf ${LAST_WORD} > /dev/udp/127.0.0.1/${LAST_PORT}`;
      await run("ip", "netns", "exec", this.namespace, "bash", "-c", speak);
      await this.#wholeFile();
    } finally {
      this.dumpcap.kill("SIGINT");
      await this.dumpcap.status;
      await this.log;
      await run("ip", "netns", "delete", this.namespace);
    }
  }

  async #wholeFile(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!new TextDecoder("latin1").decode(await Deno.readFile(this.path)).includes(LAST_WORD)) {
      if (performance.now() > deadline) throw new Error("dumpcap did not write everything");
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

async function listen(
  stream: ReadableStream<Uint8Array>,
  pattern: RegExp,
  found: () => void,
): Promise<string> {
  let text = "";
  const decoded = stream.pipeThrough(
    new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>,
  );
  for await (const part of decoded) {
    text += part;
    if (pattern.test(text)) found();
  }
  return text;
}

/**
 * Tells whether a recording can be made here.
 *
 * @throws {Error} when it can't and `LABSWARM_REQUIRE_TSHARK` is set.
 */
export async function canRecord(): Promise<boolean> {
  // Files of tests run side by side, in one process.
  const name = `labswarm-try-${crypto.randomUUID().slice(0, 8)}`;
  try {
    await run("ip", "netns", "add", name);
    await run("ip", "netns", "delete", name);
    return true;
  } catch (cause) {
    if (!Deno.env.get("LABSWARM_REQUIRE_TSHARK")) return false;
    throw new Error("Cannot make a network namespace, and LABSWARM_REQUIRE_TSHARK is set", { cause });
  }
}
