/** Prepares the transfer bench: the files, the servers, and the checks of the copies. */

import { emptyDir } from "@std/fs";
import { join } from "@std/path";
import { Lab } from "../programs.ts";
import { PROGRAMS, startHolder } from "./bench.ts";
import type { Cleanup } from "./cleanup.ts";
import { run } from "./measure.ts";
import { killTree } from "./procfs.ts";
import { type Field, nginxServer, rsyncServer, type Work } from "./rivals.ts";

/** Size of each small file, bytes. */
export const SMALL_SIZE = 4096;
const FOLDERS = 100;
/** Longest wait for a server to listen, milliseconds. */
const LISTEN_LIMIT_MS = 10_000;

/** A field with servers that run on it. */
export interface Prepared {
  field: Field;
  /** Folder of the PC that fetches. */
  fetcher: string;
  /** For notes of the measurement. */
  work: string;
  /** Process ids by server. */
  servers: Record<"nginx" | "rsync" | "holder", number[]>;
}

/** Writes random files, and starts all servers. */
export async function prepare(
  folder: string,
  size: number,
  files: number,
  cleanup: Cleanup,
): Promise<Prepared> {
  const lab = new Lab(PROGRAMS, { folder: join(folder, "lab") });
  cleanup.add(() => lab.close());
  const source = join(lab.pc("holder"), "share");
  const fetcher = lab.pc("fetcher");
  const target = join(fetcher, "share");
  const work = join(folder, "lab", "work");
  await Deno.mkdir(work, { recursive: true });
  console.error(`Making a file of ${size} bytes and ${files} of ${SMALL_SIZE}`);
  await writeRandom(join(source, "big"), size);
  const names = await makeSmall(join(source, "small"), files);
  const digest = (await run("openssl", "sha256", "-r", join(source, "big"))).slice(0, 64);
  const [nginx, rsync] = [freePort(), freePort()];
  console.error("Starting servers, and waiting for the holder's index");
  const holder = await startHolder(lab, files + 1);
  const servers = {
    nginx: [await startServer(nginxServer(source, work, nginx), join(work, "nginx.conf"), nginx, cleanup)],
    rsync: [await startServer(rsyncServer(source, work, rsync), join(work, "rsyncd.conf"), rsync, cleanup)],
    holder: [holder.peer.pid, holder.rs.pid],
  };
  const lists = await writeLists(source, target, work, nginx, names);
  const peer = PROGRAMS.peer[0];
  const field = { source, target, nginx, rsync, rs: holder.address, peer, digest, ...lists };
  return { field, fetcher, work, servers };
}

/** Random bytes into a new file. */
export async function writeRandom(path: string, size: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const chunk = new Uint8Array(65536);
  for (let left = size; left > 0;) {
    const part = crypto.getRandomValues(chunk).subarray(0, Math.min(left, chunk.length));
    left -= file.writeSync(part);
  }
}

/** Random small files in subfolders; gives their names from the folder's own on. */
export async function makeSmall(folder: string, files: number): Promise<string[]> {
  const names: string[] = [];
  const bytes = new Uint8Array(SMALL_SIZE);
  for (let i = 0; i < files; i++) {
    const subfolder = String(i % FOLDERS).padStart(2, "0");
    if (i < FOLDERS) await Deno.mkdir(join(folder, subfolder), { recursive: true });
    const name = `small/${subfolder}/${String(i).padStart(5, "0")}`;
    Deno.writeFileSync(join(folder, "..", name), crypto.getRandomValues(bytes));
    names.push(name);
  }
  return names;
}

/** A TCP port of loopback that was free just now, for programs that can't be told to take any. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * Writes a rival's settings, starts it and waits until it accepts; it is ended at the end.
 *
 * @returns its process id.
 * @throws when it doesn't listen in time.
 */
export async function startServer(
  server: { command: string[]; config: string },
  configPath: string,
  port: number,
  cleanup: Cleanup,
): Promise<number> {
  await Deno.writeTextFile(configPath, server.config);
  const [command, ...args] = server.command;
  const child = new Deno.Command(command!, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  cleanup.add(async () => {
    killTree(child.pid);
    await child.status;
  });
  const deadline = performance.now() + LISTEN_LIMIT_MS;
  while (true) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return child.pid;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`${command} does not listen: ${(error as Error).message}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The lists of small files: URL, destination and, for aria2c, the hash that it checks. */
async function writeLists(
  source: string,
  target: string,
  work: string,
  port: number,
  names: readonly string[],
): Promise<{ curlList: string; ariaList: string }> {
  const curlList = join(work, "curl.list");
  const ariaList = join(work, "aria.list");
  let curl = "";
  let aria = "";
  for (const name of names) {
    const url = `http://127.0.0.1:${port}/${name}`;
    const digest = new Uint8Array(
      await crypto.subtle.digest("SHA-256", Deno.readFileSync(join(source, name))),
    );
    const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    curl += `url = "${url}"\noutput = "${target}/${name}"\n`;
    aria += `${url}\n  out=${name}\n  checksum=sha-256=${hash}\n`;
  }
  await Deno.writeTextFile(curlList, curl);
  await Deno.writeTextFile(ariaList, aria);
  return { curlList, ariaList };
}

/** Makes the fetching PC a fresh one. */
export async function clear({ fetcher, field }: Prepared): Promise<void> {
  await emptyDir(fetcher);
  await Deno.mkdir(field.target);
}

/** Compares a copy with its source, byte by byte. @throws {RunFailed} when they differ. */
export async function compareCopy({ source, target }: Field, work: Work): Promise<void> {
  if (work === "big") await run("cmp", `${source}/big`, `${target}/big`);
  else await run("diff", "-rq", `${source}/small`, `${target}/small`);
}
