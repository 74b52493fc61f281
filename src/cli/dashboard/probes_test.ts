import { assertEquals, assertMatch } from "@std/assert";
import { probesOf } from "./probes.ts";

Deno.test("health, readiness and metrics", () => {
  const stats = {
    peers: 3,
    active: 2,
    connections: 4,
    rows: 9,
    messages: { Register: 3 },
    errors: 0,
    broadcasts: 0,
    storeBytes: undefined,
  };
  const stop = new AbortController();
  const server = { stats: () => stats, unready: undefined as string | undefined };
  const probes = probesOf({
    ...{ server, stopping: stop.signal },
    ...{ started: 1_750_000_000_123, data: "/nowhere/at/all" },
  });
  const get = (path: string) => probes.get(path)!();
  assertEquals([get("/healthz").status, get("/readyz").status], [200, 200]);
  const { type, body } = get("/metrics");
  assertMatch(type, /^text\/plain; version=0\.0\.4/);
  assertMatch(body, /^labswarm_peers\{state="inactive"\} 1$/m);
  assertMatch(body, /^process_start_time_seconds 1750000000$/m);
  assertMatch(body, /^process_resident_memory_bytes [1-9]\d{6,}$/m);
  server.unready = "The disk is full";
  assertEquals([get("/healthz").status, get("/readyz").status], [200, 503]);
  assertEquals(get("/readyz").body, "The disk is full\n");
  server.unready = undefined;
  assertEquals(get("/readyz").status, 200);
  stop.abort();
  assertEquals([get("/healthz").status, get("/readyz").status], [200, 503]);
});
