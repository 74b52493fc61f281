/**
 * What security costs: one file from peer to peer over loopback, tmpfs to tmpfs, in a secured lab, in an open one, and by
 * curl over TLS from nginx; in turns, so that a slow minute slows all of them. Ours checks what comes by SHA-256, curl doesn't:
 * curl and then openssl does the same work, of all that was tried in the least time (in a pipe with tee it takes longer).
 */

import { emptyDir } from "@std/fs";
import { parseArgs } from "@std/cli";
import { join } from "@std/path";
import { Lab } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, readSize, startHolder, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { freePort, startServer, writeRandom } from "./field.ts";
import { describe, thisMachine } from "./machine.ts";
import { measure, run } from "./measure.ts";
import { record } from "./results.ts";
import { nginxServer } from "./rivals.ts";
import { mountTmpfs } from "./space.ts";
import { median } from "./statistics.ts";
import { needTools } from "./tools.ts";

const HELP = `deno task bench secure [flags]
  --runs N     rounds; medians are taken over them (default: 5)
  --size SIZE  size of the file (default: 1G)
  --no-record  show the figures, and leave the file of results alone`;

/** Our rate by that of curl over TLS. */
const TARGET = 0.9;

/** Pause between two looks whether the file is indexed, milliseconds. */
const POLL_MS = 500;

/** A way of getting the file. */
interface Way {
  name: string;
  command: string[];
  cwd: string;
  servers: number[];
}

async function curlWays(folder: string, source: string, cleanup: Cleanup): Promise<Omit<Way, "cwd">[]> {
  const work = join(folder, "nginx");
  await Deno.mkdir(work);
  const [cert, key] = [join(work, "cert.pem"), join(work, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const made = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", ...subject];
  await run("openssl", ...made, "-keyout", key, "-out", cert);
  const port = freePort();
  const plain = nginxServer(source, work, port);
  const config = plain.config.replace(
    `listen 127.0.0.1:${port};`,
    `listen 127.0.0.1:${port} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;`,
  );
  const pid = await startServer({ ...plain, config }, join(work, "nginx.conf"), port, cleanup);
  const curl = ["curl", "-sf", "--cacert", cert];
  const url = `https://127.0.0.1:${port}/big`;
  const checking = `${[...curl, "-o", "share/big", url].join(" ")} && openssl dgst -sha256 share/big > sum`;
  return [
    { name: "curl over TLS from nginx", command: [...curl, "-o", "share/big", url], servers: [pid] },
    { name: "the same, then openssl dgst", command: ["sh", "-c", checking], servers: [pid] },
  ];
}

async function ways(folder: string, size: number, cleanup: Cleanup): Promise<Way[]> {
  const lab = (name: string) => {
    const made = new Lab(PROGRAMS, { folder: join(folder, name) });
    cleanup.add(() => made.close());
    return made;
  };
  const [secured, open] = [lab("secured"), lab("open")];
  await writeRandom(join(secured.pc("holder"), "share", "big"), size);
  await Deno.link(join(secured.folder, "holder/share/big"), join(open.pc("holder"), "share/big"));
  const cwd = { secured: secured.pc("fetcher"), open: open.pc("fetcher"), curl: join(folder, "curl") };
  await Deno.mkdir(join(cwd.curl, "share"), { recursive: true });
  const server = await secured.securedRs("server");
  const quiet = ["--host", "127.0.0.1", "--index-interval", "86400", "--log-level", "warn"];
  const holder = await secured.peer("holder", server.address, "--join", server.code, ...quiet);
  const asker = await secured.peer("fetcher", server.address, "--join", server.code);
  await asker.kill("SIGTERM");
  while (!(await secured.run("peer", "fetcher", ["index", "--json"])).stdout.includes('"big"')) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const plain = await startHolder(open, 1);
  const fetch = (rs: string) => [PROGRAMS.peer[0], "fetch", "big", "--rs", rs];
  const curl = await curlWays(folder, join(secured.folder, "holder/share"), cleanup);
  return [
    {
      name: "peer fetch, secured",
      command: fetch(server.address),
      cwd: cwd.secured,
      servers: [holder.pid, server.running.pid],
    },
    { name: "peer fetch, open", command: fetch(plain.address), cwd: cwd.open, servers: [plain.peer.pid] },
    ...curl.map((way) => ({ ...way, cwd: cwd.curl })),
  ];
}

async function bench(args: readonly string[], cleanup: Cleanup): Promise<number> {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["runs", "size"],
    unknown: (arg) => {
      throw new UsageError(`bench secure knows no ${arg}`);
    },
  });
  const runs = readCount("runs", flags.runs ?? 5);
  const size = readSize("size", flags.size ?? "1G");
  await needTools(["nginx", "curl", "openssl", "/usr/bin/time", "cmp"]);
  await compile();
  const folder = await mountTmpfs(4 * size + 200e6, cleanup);
  const all = await ways(folder, size, cleanup);
  const { signal } = cleanup;
  const seconds = all.map(() => [] as number[]);
  for (let round = -1; round < runs; round++) {
    for (const [i, way] of all.entries()) {
      await emptyDir(join(way.cwd, "share"));
      const result = await measure(way.command, { ...way, work: folder, signal });
      await run("cmp", join(way.cwd, "share/big"), join(folder, "secured/holder/share/big"));
      await emptyDir(join(way.cwd, "share"));
      // The first round warms up what is to be measured.
      if (round >= 0) seconds[i]!.push(result.seconds);
    }
  }
  const machine = thisMachine();
  const rates = seconds.map((each) => size / 1e6 / median(each));
  console.log(`\n${describe(machine)}\n${size} bytes, medians of ${runs}\n`);
  for (const [i, { name }] of all.entries()) console.log(`${name.padEnd(28)} ${rates[i]!.toFixed(0)} MB/s`);
  const [secured, open, curl, checked] = rates as [number, number, number, number];
  const ratios = { toOpen: secured / open, toCurl: secured / curl, toChecked: secured / checked };
  const isMet = ratios.toCurl >= TARGET;
  console.log(
    `\nSecured by open ${ratios.toOpen.toFixed(2)}; by curl that checks ${ratios.toChecked.toFixed(2)}; ` +
      `by curl over TLS ${ratios.toCurl.toFixed(2)}, wanted ${TARGET}: ${isMet ? "met" : "not met"}`,
  );
  if (flags["no-record"] !== true) await record("secure", machine, { runs, size, seconds, rates, ratios });
  return isMet ? 0 : 1;
}

export const BENCH: Bench = {
  name: "secure",
  summary: "1 GiB in a secured lab, in an open one, and by curl over TLS from nginx",
  help: HELP,
  run: (args) => withCleanup((cleanup) => bench(args, cleanup)),
};
