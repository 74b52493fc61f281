/** The processes beside the server: the load generator, and opentracker. */

import { fromFileUrl, join } from "@std/path";
import type { Cleanup } from "../cleanup.ts";
import { freePort } from "../field.ts";
import { RunFailed } from "../measure.ts";
import { ROOT } from "../results.ts";

/** A line of the load generator. */
type Said = Record<string, number>;

/** The load generator, on the second core. */
export class Load {
  #child: Deno.ChildProcess;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #waiting = new Map<number, { resolve: (said: Said) => void; reject: (reason: Error) => void }>();
  #asked = 0;
  #read: Promise<void>;

  constructor(cleanup: Cleanup) {
    const script = fromFileUrl(new URL("./load.ts", import.meta.url));
    const run = ["run", "-A", `--lock=${join(ROOT, "deno.lock")}`, "--frozen", script];
    this.#child = new Deno.Command("taskset", {
      args: ["-c", "1", Deno.execPath(), ...run],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#read = this.#listen();
    cleanup.add(() => this.end());
  }

  /** Has it do something, and gives what came of it. @throws {RunFailed} */
  async ask(command: Readonly<Record<string, unknown>>): Promise<Said> {
    const id = ++this.#asked;
    const said = new Promise<Said>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    await this.#writer.write(new TextEncoder().encode(JSON.stringify({ ...command, id }) + "\n"));
    return await said;
  }

  /** Ends the generator, and what it holds open. */
  async end(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
    await this.#read;
  }

  async #listen(): Promise<void> {
    let text = "";
    for await (const part of this.#child.stdout) {
      text += new TextDecoder().decode(part);
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line));
    }
    for (const { reject } of this.#waiting.values()) reject(new RunFailed("The load generator has ended"));
  }

  #take({ id, failed, ...said }: Said & { failed?: unknown }): void {
    const { resolve, reject } = this.#waiting.get(id!)!;
    this.#waiting.delete(id!);
    if (failed === undefined) resolve(said);
    else reject(new RunFailed(`The load: ${failed}`));
  }
}

/** What opentracker answers for: Debian's wants a list. */
const WHITE = "0123456789abcdef0123456789abcdef01234567\n";

/** Starts opentracker on the first core, and waits until it accepts. */
export async function startOpentracker(
  cleanup: Cleanup,
): Promise<{ pid: number; port: number; end(): Promise<void> }> {
  const folder = await Deno.makeTempDir({ prefix: "labswarm-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  // It gives up root's rights, and must still be able to read its list.
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(join(folder, "white"), WHITE);
  const port = freePort();
  const own = ["-i", "127.0.0.1", "-p", String(port), "-P", String(port), "-d", folder, "-w", "/white"];
  const child = new Deno.Command("taskset", {
    args: ["-c", "0", "opentracker", ...own],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let over = false;
  child.status.then(() => over = true);
  const end = async () => {
    if (!over) child.kill("SIGKILL");
    await child.status;
  };
  cleanup.add(end);
  for (let tries = 0; tries < 100 && !over; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return { pid: child.pid, port, end };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new RunFailed("opentracker doesn't accept connections");
}
