/**
 * The load generator, a process of its own so that its CPU time isn't the bench's: reads one JSON command per line from
 * standard input and answers each with one line of JSON, or `{"failed": "..."}`. Its peers keep their connections and keep
 * alive with jitter, as real ones do. What a command does is with its function; latencies are in milliseconds.
 */

import { latencies } from "./latency.ts";
import { LoadPeer } from "./client.ts";

/** Where the server is, on loopback. */
interface Target {
  port: number;
}

/** One client's round: a Register with its cookie, three PQuery for what has changed, sixteen KeepAlives. */
const MIX = [
  ...["KeepAlive", "KeepAlive", "PQuery", "KeepAlive", "KeepAlive", "KeepAlive", "KeepAlive", "KeepAlive"],
  ...["KeepAlive", "PQuery", "KeepAlive", "KeepAlive", "KeepAlive", "KeepAlive", "KeepAlive", "PQuery"],
  ...["KeepAlive", "KeepAlive", "KeepAlive", "Register"],
] as const;

/** As the server asks of its peers, less the jitter's half, milliseconds. */
const KEEP_ALIVE_MS = 26_000;

const peers: LoadPeer[] = [];
let kept = 0;
const dropped: string[] = [];

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const to = ({ port }: Target) => ({ hostname: "127.0.0.1", port });

/** Keeps one alive for as long as the process lives, unless it's a client of a mix. */
async function stay(peer: LoadPeer): Promise<void> {
  try {
    while (true) {
      await sleep(KEEP_ALIVE_MS * (0.85 + Math.random() * 0.3));
      if (busy.has(peer)) continue;
      await peer.keepAlive();
      kept++;
    }
  } catch (error) {
    dropped.push((error as Error).message);
  }
}

const busy = new Set<LoadPeer>();

/** So many more peers dial, register and tell their index, spread evenly; `announce` rows each. */
async function join(command: Target & { peers: number; seconds: number; rows: number }): Promise<unknown> {
  const { peers: count, seconds, rows } = command;
  const began = performance.now();
  const spent: number[] = [];
  const refused: string[] = [];
  const one = async (k: number) => {
    await sleep(Math.max(0, began + seconds * 1000 * k / count - performance.now()));
    const at = performance.now();
    try {
      const n = peers.length + k;
      const peer = await LoadPeer.dial(to(command), `pc${n}`);
      await peer.register(20_000 + n % 40_000);
      await peer.announce(rowsOf(n, rows));
      spent.push(performance.now() - at);
      return peer;
    } catch (error) {
      refused.push((error as Error).message);
      return undefined;
    }
  };
  const joined = await Promise.all(Array.from({ length: count }, (_, k) => one(k)));
  for (const peer of joined) {
    if (!peer) continue;
    peers.push(peer);
    stay(peer);
  }
  const wall = (performance.now() - began) / 1000;
  return {
    seconds: wall,
    joined: peers.length,
    refused: refused.length,
    why: refused[0],
    ...latencies(spent),
  };
}

/** A peer's index: a tenth of its files are everybody's, the others its own. */
function rowsOf(peer: number, count: number) {
  return Array.from({ length: count }, (_, k) => {
    const shared = k % 10 === 0;
    const name = shared
      ? `course/week${k}/notes ${k}.pdf`
      : `home/pc${peer}/project ${k}/report-${peer}-${k}.txt`;
    const sha256 = (shared ? k : peer * 1000 + k).toString(16).padStart(64, "0");
    return { name, title: "", size: 1000 + k, sha256, modified: "2026-11-21T08:00:00Z", flag: 1 as const };
  });
}

/** The clients of a mix read the whole list once, as every program does that goes on to ask for changes. */
async function prepare({ clients }: { clients: number }): Promise<unknown> {
  for (const peer of peers.slice(0, clients)) await peer.learnVersion();
  return {};
}

/** Clients ask as fast as they're answered; each is one of the peers that have joined, and prepared. */
async function mix(
  { clients, seconds, only }: { clients: number; seconds: number; only?: typeof MIX[number] },
): Promise<unknown> {
  const chosen = peers.slice(0, clients);
  for (const peer of chosen) busy.add(peer);
  const spent: number[] = [];
  const count = { KeepAlive: 0, PQuery: 0, Register: 0 };
  let told = 0;
  const before = kept;
  const began = performance.now();
  const end = began + seconds * 1000;
  await Promise.all(chosen.map(async (peer, n) => {
    for (let k = n; performance.now() < end; k++) {
      const kind = only ?? MIX[k % MIX.length]!;
      const at = performance.now();
      if (kind === "KeepAlive") await peer.keepAlive();
      else if (kind === "PQuery") {
        const changes = await peer.changes();
        told += changes;
      } else await peer.register(20_000 + n);
      spent.push(performance.now() - at);
      count[kind]++;
    }
  }));
  const wall = (performance.now() - began) / 1000;
  for (const peer of chosen) busy.delete(peer);
  return {
    ...{ seconds: wall, operations: spent.length + kept - before, ...count },
    ...{ recordsTold: told, dropped: dropped.length, ...latencies(spent) },
  };
}

/** A newcomer asks for the first page of the whole list, again and again. */
async function pages(command: Target & { count: number; pause: number }): Promise<unknown> {
  const peer = await LoadPeer.dial(to(command), "asker");
  const spent: number[] = [];
  let records = 0;
  for (let k = 0; k < command.count; k++) {
    await sleep(command.pause);
    const at = performance.now();
    records = (await peer.ask({ kind: "PQuery" }, "Peers")).peers.length;
    spent.push(performance.now() - at);
  }
  peer.close();
  return { records, ...latencies(spent) };
}

const HASH = "0123456789abcdef0123456789abcdef01234567";

interface Announces extends Target {
  clients: number;
  /** Of one swarm. */
  peers: number;
}

/** Every peer of the swarm announces itself once. */
function fill(command: Announces): Promise<unknown> {
  let sent = 0;
  return announces({ ...command, clients: 8 }, () => sent++ < command.peers);
}

/** Announces as fast as they are answered. */
function http({ seconds, ...command }: Announces & { seconds: number }): Promise<unknown> {
  const end = performance.now() + seconds * 1000;
  return announces(command, () => performance.now() < end);
}

/** opentracker's side: announces of the peers of one swarm, round robin, a connection each, for it keeps none. */
async function announces({ clients, peers, port }: Announces, goOn: () => boolean): Promise<unknown> {
  const hash = HASH.replaceAll(/../g, "%$&");
  const requests = Array.from({ length: peers }, (_, k) => {
    const id = `-BENCH-${String(k).padStart(13, "0")}`;
    const path =
      `/announce?info_hash=${hash}&peer_id=${id}&port=${10_000 + k}&uploaded=0&downloaded=0&left=1` +
      "&compact=1&numwant=50";
    return new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  });
  let next = 0;
  const spent: number[] = [];
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, async () => {
    const buffer = new Uint8Array(8192);
    while (goOn()) {
      const at = performance.now();
      await announce(port, requests[next++ % peers]!, buffer);
      spent.push(performance.now() - at);
    }
  }));
  return { seconds: (performance.now() - began) / 1000, operations: spent.length, ...latencies(spent) };
}

async function announce(port: number, request: Uint8Array, buffer: Uint8Array): Promise<void> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await conn.write(request);
    let filled = 0;
    for (let n: number | null; (n = await conn.read(buffer.subarray(filled))) !== null;) filled += n;
    const head = decoder.decode(buffer.subarray(0, Math.min(filled, 80)));
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(`opentracker answered ${head}`);
  } finally {
    conn.close();
  }
}

const decoder = new TextDecoder("latin1");

const COMMANDS: Record<string, (command: never) => Promise<unknown>> = {
  join,
  prepare,
  mix,
  pages,
  fill,
  http,
};

async function obey(line: string): Promise<void> {
  const { do: what, id, ...command } = JSON.parse(line);
  try {
    const said = await COMMANDS[what]!(command as never);
    console.log(JSON.stringify({ id, ...(said as Record<string, unknown>) }));
  } catch (error) {
    console.log(JSON.stringify({ id, failed: (error as Error).message }));
  }
}

if (import.meta.main) {
  let text = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      // Not awaited: when the bench is ended in the middle of a storm, so is this.
      obey(text.slice(0, end));
      text = text.slice(end + 1);
    }
  }
  Deno.exit(0);
}
