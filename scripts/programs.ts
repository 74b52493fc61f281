/**
 * Runs the compiled executables for the demo, the end-to-end tests and the benches: starts them in folders of their own,
 * reads their JSON lines, waits for events (never for time), and cleans up.
 */

import { join } from "@std/path";

/** A line of `--json`. */
export interface JsonLine {
  event: string;
  [field: string]: unknown;
}

/** How a command ended. */
export interface Ended {
  code: number;
  lines: JsonLine[];
  stdout: string;
  stderr: string;
}

/** How to start a program: the executable with arguments that come before its own, such as Wine's. */
export type Launcher = readonly [command: string, ...args: string[]];

/** A program that runs. */
export class Running {
  readonly lines: JsonLine[] = [];
  readonly ended: Promise<Ended>;
  stderr = "";
  #stdout = "";
  #child: Deno.ChildProcess;
  #waiting = new Set<() => void>();
  #over = false;

  constructor(
    launcher: Launcher,
    args: readonly string[],
    options: { cwd: string; stdin?: "null" | "piped"; env?: Record<string, string> },
  ) {
    const [command, ...before] = launcher;
    this.#child = new Deno.Command(command, {
      args: [...before, ...args],
      cwd: options.cwd,
      stdin: options.stdin ?? "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env ? { env: options.env } : {}),
    }).spawn();
    const out = this.#read(this.#child.stdout, (text) => this.#take(text));
    const err = this.#read(this.#child.stderr, (text) => this.stderr += text);
    this.ended = Promise.all([this.#child.status, out, err]).then(([status]) => {
      this.#over = true;
      this.#wake();
      return { code: status.code, lines: this.lines, stdout: this.#stdout, stderr: this.stderr };
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits until a line of this event has come (looking from the beginning), that fits.
   *
   * @throws when the program ends first, or after `timeout` milliseconds; with what it has said.
   */
  async event(
    event: string,
    fits: (line: JsonLine) => boolean = () => true,
    timeout = 30_000,
  ): Promise<JsonLine> {
    return await this.until(
      () => this.lines.find((line) => line.event === event && fits(line)),
      `the event ${event}`,
      timeout,
    );
  }

  /** Waits until `look` finds something; it looks again each time the program says something. */
  async until<T>(look: () => T | undefined, what: string, timeout = 30_000): Promise<T> {
    const deadline = performance.now() + timeout;
    while (true) {
      const found = look();
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      if (this.#over || left <= 0) {
        const why = this.#over ? "the program ended" : `nothing came within ${timeout / 1000} s`;
        throw new Error(
          `Waited for ${what}, but ${why}.\nstdout: ${this.#stdout.slice(-2000)}\nstderr: ${
            this.stderr.slice(-2000)
          }`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 1000));
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  /** Sends a signal; by default the one that can't be caught. */
  async kill(signal: Deno.Signal = "SIGKILL"): Promise<Ended> {
    try {
      this.#child.kill(signal);
    } catch { /* it has ended by itself */ }
    return await this.ended;
  }

  async #read(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    for await (
      const text of stream.pipeThrough(
        new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>,
      )
    ) {
      take(text);
      this.#wake();
    }
  }

  #take(text: string): void {
    const before = this.#stdout.lastIndexOf("\n") + 1;
    this.#stdout += text;
    const complete = this.#stdout.slice(before, this.#stdout.lastIndexOf("\n") + 1);
    for (const line of complete.split("\n")) {
      if (!line.startsWith("{")) continue;
      try {
        this.lines.push(JSON.parse(line));
      } catch { /* text for people that happens to start with a brace */ }
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** A lab on one machine: programs in folders below one temporary folder. */
export class Lab {
  readonly folder: string;
  #running = new Set<Running>();

  /** @param programs how to start `rs` and `peer`. */
  constructor(readonly programs: { rs: Launcher; peer: Launcher }, options: { folder?: string } = {}) {
    this.folder = options.folder ?? Deno.makeTempDirSync({ prefix: "labswarm-" });
  }

  /** A folder for one PC, with its share; made if missing. */
  pc(name: string): string {
    const folder = join(this.folder, name);
    Deno.mkdirSync(join(folder, "share"), { recursive: true });
    return folder;
  }

  /** Starts a program on a PC. */
  start(
    program: "rs" | "peer",
    pc: string,
    args: readonly string[],
    launcher: Launcher = this.programs[program],
  ): Running {
    const running = new Running(launcher, args, { cwd: this.pc(pc) });
    this.#running.add(running);
    running.ended.then(() => this.#running.delete(running));
    return running;
  }

  /** Runs a command on a PC to its end. */
  async run(
    program: "rs" | "peer",
    pc: string,
    args: readonly string[],
    launcher?: Launcher,
  ): Promise<Ended> {
    return await this.start(program, pc, args, launcher).ended;
  }

  /** Starts `rs serve --open` on a free port. */
  async rs(pc = "rs", ...flags: string[]): Promise<{ running: Running; address: string; port: number }> {
    const running = this.start("rs", pc, [
      "serve",
      "--open",
      "--json",
      ...flags.includes("--port") ? [] : ["--port", "0"],
      ...flags,
    ]);
    const { port } = await running.event("listening") as unknown as { port: number };
    return { running, address: `127.0.0.1:${port}`, port };
  }

  /** Starts `peer serve` on a free port and waits until it is registered. */
  async peer(pc: string, rs: string, ...flags: string[]): Promise<Running> {
    const running = this.start("peer", pc, [
      "serve",
      "--json",
      "--rs",
      rs,
      "--name",
      pc,
      "--port",
      "0",
      ...flags,
    ]);
    await running.event("registered");
    return running;
  }

  /** Ends all programs and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.kill()));
    await Deno.remove(this.folder, { recursive: true }).catch(() => {});
  }
}
