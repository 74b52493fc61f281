/** What the registry bench has measured, and whether that's what is wanted. Pure. */

/** One measurement. */
export interface Measured {
  operations: number;
  perSecond: number;
  /** CPU time of the server, user and system, by operation. */
  serverMicros: number;
  /** Cores that the server kept busy; near 1 it is the limit, and latencies are its queue. */
  busy: number;
  /** Milliseconds, as the load saw them. */
  p50: number;
  p99: number;
  rssMb: number;
  /** Cores that other programs used meanwhile. */
  others: number;
  /** What the load said, as it said it. */
  said: Readonly<Record<string, unknown>>;
}

/** All of a run. */
export interface RegistryResult {
  /** The same mix of 10 clients at growing numbers of connected peers. */
  curve: (Measured & { peers: number })[];
  mixes: (Measured & { clients: number })[];
  storm: Measured & { peers: number; page: Readonly<Record<string, number>> };
  memory: { emptyMb: number; connectedMb: number; perPeerKiB: number };
  /** Empty when it wasn't measured. */
  rival: (Measured & { clients: number })[];
}

/** A goal, what was seen, and whether it was reached. */
export interface Verdict {
  what: string;
  seen: string;
  pass: boolean;
}

/** Compares with the goals. */
export function judge(result: RegistryResult, stormSeconds: number): Verdict[] {
  const { curve, storm, memory } = result;
  const at = (peers: number) => curve.find((run) => run.peers === peers);
  const few = at(100);
  const many = curve.at(-1)!;
  const verdicts: Verdict[] = [];
  const check = (what: string, seen: string, pass: boolean) => verdicts.push({ what, seen, pass });
  for (const theirs of result.rival) {
    const ours = result.mixes.find((run) => run.clients === theirs.clients)!;
    const with_ = `with ${theirs.clients} clients`;
    const cost = ours.serverMicros / theirs.serverMicros;
    check(`CPU time per operation at most opentracker's, ${with_}`, `${cost.toFixed(2)} of it`, cost <= 1);
    check(`p99 at most opentracker's, ${with_}`, `${ours.p99} and ${theirs.p99} ms`, ours.p99 <= theirs.p99);
  }
  if (few) {
    const growth = many.serverMicros / few.serverMicros;
    const what = `cost at ${many.peers} peers at most 1.3 of that at 100`;
    check(what, growth.toFixed(2), growth <= 1.3);
  }
  const { seconds, refused } = storm.said as { seconds: number; refused: number };
  check(
    `${storm.peers} peers join within ${stormSeconds} s, none refused`,
    `${seconds.toFixed(1)} s, ${refused} refused`,
    refused === 0 && seconds <= stormSeconds * 1.05,
  );
  const dropped = Number(result.mixes.at(-1)?.said.dropped ?? 0);
  check("no peer lost afterwards", `${dropped} lost`, dropped === 0);
  check(
    "a full page beside the storm, p99 below 20 ms",
    `${storm.page.p99} ms`,
    (storm.page.p99 ?? Infinity) < 20,
  );
  check("resident below 300 MB with all connected", `${memory.connectedMb} MB`, memory.connectedMb < 300);
  check("at most 20 KiB per peer", `${memory.perPeerKiB} KiB`, memory.perPeerKiB <= 20);
  return verdicts;
}
