/**
 * Runs the compiled executables for the demo, the end-to-end tests and the benches: starts them in folders of their own,
 * reads their JSON lines, waits for events (never for time), and cleans up.
 */

import { basename, join } from "@std/path";

/** How long something that must come is waited for, milliseconds: it comes in far less, but on a busy machine. */
const PATIENCE = 60_000;

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

/** What a program finds around it. */
export interface ProgramOptions {
  stdin?: "null" | "piped";
  env?: Record<string, string>;
  /** Nothing of this process's environment. */
  clearEnv?: boolean;
}

/** A program that runs. */
export class Running {
  readonly lines: JsonLine[] = [];
  readonly ended: Promise<Ended>;
  /** What it is, for messages: the PC it runs on and its arguments. */
  readonly title: string;
  stderr = "";
  #stdout = "";
  #child: Deno.ChildProcess;
  #waiting = new Set<() => void>();
  #over = false;

  constructor(
    launcher: Launcher,
    args: readonly string[],
    options: ProgramOptions & { cwd: string },
  ) {
    const [command, ...before] = launcher;
    this.title = `${basename(options.cwd)}: ${basename(launcher.at(-1)!)} ${args.join(" ")}`;
    this.#child = new Deno.Command(command, {
      args: [...before, ...args],
      cwd: options.cwd,
      stdin: options.stdin ?? "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.env ? { env: options.env } : {}),
      ...(options.clearEnv ? { clearEnv: true } : {}),
    }).spawn();
    const out = this.#read(this.#child.stdout, (text) => this.#take(text));
    const err = this.#read(this.#child.stderr, (text) => this.stderr += text);
    this.ended = Promise.all([this.#child.status, out, err]).then(async ([status]) => {
      if (options.stdin === "piped") {
        await this.#child.stdin.close().catch(() => {/* closed with the program */});
      }
      this.#over = true;
      this.#wake();
      return { code: status.code, lines: this.lines, stdout: this.#stdout, stderr: this.stderr };
    });
  }

  get pid(): number {
    return this.#child.pid;
  }
  /** Everything it has written to standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /**
   * Waits until a line of this event has come (looking from the beginning), that fits.
   *
   * @throws when the program ends first, or after `timeout` milliseconds; with what it has said.
   */
  async event(
    event: string,
    fits: (line: JsonLine) => boolean = () => true,
    timeout = PATIENCE,
  ): Promise<JsonLine> {
    return await this.until(
      () => this.lines.find((line) => line.event === event && fits(line)),
      `the event ${event}`,
      timeout,
    );
  }

  /** Waits until so many lines of this event have come, and gives them. */
  async events(event: string, count: number, timeout?: number): Promise<JsonLine[]> {
    const look = () => {
      const lines = this.lines.filter((line) => line.event === event);
      return lines.length >= count ? lines : undefined;
    };
    return await this.until(look, `${count} times the event ${event}`, timeout);
  }

  /**
   * Waits until it has said something on standard error.
   *
   * @param from where to begin looking: a length that `stderr` had.
   */
  async said(pattern: RegExp, options: { from?: number; timeout?: number } = {}): Promise<string> {
    const look = () => pattern.exec(this.stderr.slice(options.from ?? 0))?.[0];
    return await this.until(look, `${pattern} on standard error`, options.timeout);
  }

  /** Types something; for programs that were started with `stdin: "piped"`. */
  async type(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Waits until `look` finds something; it looks again each time the program says something. */
  async until<T>(look: () => T | undefined, what: string, timeout = PATIENCE): Promise<T> {
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

  /** Sends a signal and waits for nothing. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Sends a signal, by default the one that can't be caught, and waits for the end. */
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
  /** Every program that was started, those that have ended included. */
  readonly started: Running[] = [];
  #running = new Set<Running>();
  #options: ProgramOptions;

  /**
   * @param programs how to start `rs` and `peer`.
   * @param options for all of them; `folder` is removed at the end.
   */
  constructor(
    readonly programs: { rs: Launcher; peer: Launcher },
    options: ProgramOptions & { folder?: string } = {},
  ) {
    const { folder, ...rest } = options;
    this.folder = folder ?? Deno.makeTempDirSync({ prefix: "labswarm-" });
    this.#options = rest;
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
    options: ProgramOptions = {},
  ): Running {
    const running = new Running(launcher, args, { ...this.#options, ...options, cwd: this.pc(pc) });
    this.started.push(running);
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

  /** Starts `rs serve --open` on a free port, not to be found by whoever else is in this network. */
  async rs(pc = "rs", ...flags: string[]): Promise<{ running: Running; address: string; port: number }> {
    const running = this.start("rs", pc, [
      "serve",
      "--open",
      "--json",
      "--no-discovery",
      ...flags.includes("--port") ? [] : ["--port", "0"],
      ...flags,
    ]);
    const { port } = await running.event("listening") as unknown as { port: number };
    return { running, address: `127.0.0.1:${port}`, port };
  }

  /** Starts `rs serve`, secured, on a free port; `code` is the first join code, on the first start. */
  async securedRs(
    pc = "rs",
    ...flags: string[]
  ): Promise<{ running: Running; address: string; port: number; code: string }> {
    const running = this.start("rs", pc, ["serve", "--json", "--no-discovery", "--port", "0", ...flags]);
    const { port } = await running.event("listening") as unknown as { port: number };
    const { code } = await running.event("invite") as unknown as { code: string };
    return { running, address: `127.0.0.1:${port}`, port, code };
  }

  /**
   * Starts `peer serve` on a free port and waits until it is registered. In an open lab it takes broadcasts; a secured one
   * is joined by the flag `--join`.
   */
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
      ...flags.includes("--join") ? [] : ["--accept-open-broadcasts"],
      ...flags,
    ]);
    await running.event("registered");
    return running;
  }

  /** Ends all programs and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.kill()));
    await Deno.remove(this.folder, { recursive: true }).catch(() => {/* removed by an earlier close */});
  }
}
