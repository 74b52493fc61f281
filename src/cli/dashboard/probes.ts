/** What programs that watch over the registration server ask its HTTP port for: does it live, may work be sent to it, how much is there. */

import type { Probe } from "../../dashboard/http.ts";
import { lastBackup } from "../../registry/backup.ts";
import { METRICS_TYPE, type ProcessStats, renderMetrics } from "../../registry/metrics.ts";
import type { RegistryServer } from "../../registry/server.ts";
import { VERSION } from "../version.ts";

const TEXT = "text/plain; charset=utf-8";

/** What the probes look at. */
export interface Probed {
  server: Pick<RegistryServer, "stats" | "unready">;
  /** Aborted when the server is being stopped. */
  stopping: AbortSignal;
  /** Milliseconds since 1970. */
  started: number;
  /** Absolute path of the data folder. */
  data: string;
}

/** `/healthz`, `/readyz` and Prometheus' `/metrics`. */
export function probesOf(probed: Probed): ReadonlyMap<string, () => Probe> {
  const { server, stopping } = probed;
  return new Map([
    ["/healthz", () => ({ status: 200, type: TEXT, body: "ok\n" })],
    [
      "/readyz",
      () => {
        const why = stopping.aborted ? "stopping" : server.unready;
        return { status: why === undefined ? 200 : 503, type: TEXT, body: `${why ?? "ready"}\n` };
      },
    ],
    ["/metrics", () => ({
      status: 200,
      type: METRICS_TYPE,
      body: renderMetrics(server.stats(), processStats(probed)),
    })],
  ]);
}

/** What this process tells of itself. */
export function processStats({ started, data }: Pick<Probed, "started" | "data">): ProcessStats {
  const last = lastBackup(data);
  return {
    residentBytes: Deno.memoryUsage().rss,
    startSeconds: Math.floor(started / 1000),
    version: VERSION,
    backupSeconds: last && Math.floor(Date.parse(last.made) / 1000),
  };
}
