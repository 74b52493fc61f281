import { assertEquals } from "@std/assert";
import { latencies } from "./latency.ts";
import { judge, type Measured, type RegistryResult } from "./verdict.ts";

const run = (serverMicros: number, said = {}): Measured => ({
  ...{ operations: 1, perSecond: 1, busy: 1, p50: 1, p99: 5, rssMb: 1, others: 0 },
  ...{ serverMicros, said },
});

function result(more: Partial<RegistryResult> = {}): RegistryResult {
  return {
    curve: [{ peers: 100, ...run(10) }, { peers: 10_000, ...run(13) }],
    mixes: [{ clients: 16, ...run(17, { dropped: 0 }) }],
    storm: { peers: 10_000, ...run(0, { seconds: 30.1, refused: 0 }), page: { p99: 19 } },
    memory: { emptyMb: 80, connectedMb: 250, perPeerKiB: 17 },
    rival: [{ clients: 16, ...run(17) }],
    ...more,
  };
}

const missed = (of: RegistryResult) => judge(of, 30).filter(({ pass }) => !pass).length;

Deno.test("each goal is judged by itself", () => {
  assertEquals(missed(result()), 0);
  assertEquals(missed(result({ curve: [{ peers: 100, ...run(10) }, { peers: 10_000, ...run(13.1) }] })), 1);
  assertEquals(missed(result({ mixes: [{ clients: 16, ...run(17.1, { dropped: 1 }) }] })), 2);
  assertEquals(missed(result({ memory: { emptyMb: 80, connectedMb: 301, perPeerKiB: 21 } })), 2);
  const storm = { peers: 10_000, ...run(0, { seconds: 40, refused: 0 }), page: { p99: 20 } };
  assertEquals(missed(result({ storm })), 2);
});

Deno.test("percentiles are by nearest rank", () => {
  assertEquals(latencies(Array.from({ length: 100 }, (_, n) => n + 1)), { p50: 50, p99: 99, max: 100 });
  assertEquals(latencies([7]), { p50: 7, p99: 7, max: 7 });
  assertEquals(latencies([]), {});
});
