/** What programs that watch over the registration server ask its HTTP port for: does it live, may work be sent to it, how much is there. */

import type { Probe } from "../../dashboard/http.ts";
import { METRICS_TYPE, renderMetrics } from "../../registry/metrics.ts";
import type { RegistryServer } from "../../registry/server.ts";
import { VERSION } from "../version.ts";

const TEXT = "text/plain; charset=utf-8";

/**
 * `/healthz`, `/readyz` and Prometheus' `/metrics`.
 *
 * @param stopping aborted when the server is being stopped.
 * @param started milliseconds since 1970.
 */
export function probesOf(
  server: Pick<RegistryServer, "stats">,
  stopping: AbortSignal,
  started: number,
): ReadonlyMap<string, () => Probe> {
  return new Map([
    ["/healthz", () => ({ status: 200, type: TEXT, body: "ok\n" })],
    [
      "/readyz",
      () =>
        stopping.aborted
          ? { status: 503, type: TEXT, body: "stopping\n" }
          : { status: 200, type: TEXT, body: "ready\n" },
    ],
    ["/metrics", () => ({
      status: 200,
      type: METRICS_TYPE,
      body: renderMetrics(server.stats(), {
        residentBytes: Deno.memoryUsage().rss,
        startSeconds: Math.floor(started / 1000),
        version: VERSION,
      }),
    })],
  ]);
}
