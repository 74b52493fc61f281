/**
 * The registration server's numbers in Prometheus' text format. Pure: what is served, and where, is others' business.
 *
 * Names and units follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only grows. Words from
 * the network never become labels: the kinds of messages are the program's own.
 */

import type { RegistryStats } from "./server.ts";

/** What the process knows of itself. */
export interface ProcessStats {
  /** Resident memory, bytes. */
  residentBytes: number;
  /** When it started, seconds since 1970. */
  startSeconds: number;
  version: string;
}

/** Which format this is. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/**
 * One page of metrics.
 *
 * @example
 * ```ts
 * import { renderMetrics } from "./metrics.ts";
 * const stats = { peers: 3, active: 2, connections: 4, rows: 9, messages: { Register: 3 }, errors: 0 };
 * const text = renderMetrics(stats, { residentBytes: 1, startSeconds: 2, version: "1.0" });
 * if (!text.includes('\nlabswarm_messages_total{kind="Register"} 3\n')) throw new Error(text);
 * ```
 */
export function renderMetrics(
  { peers, active, connections, rows, messages, errors }: RegistryStats,
  { residentBytes, startSeconds, version }: ProcessStats,
): string {
  const kinds = Object.entries(messages).sort(([a], [b]) => a < b ? -1 : 1);
  return [
    metric("labswarm_build_info", "gauge", "The program's version.", [[{ version }, 1]]),
    metric("labswarm_peers", "gauge", "Records of peers.", [
      [{ state: "active" }, active],
      [{ state: "inactive" }, peers - active],
    ]),
    metric("labswarm_connections", "gauge", "Connections that are open.", [[{}, connections]]),
    metric("labswarm_index_rows", "gauge", "Rows of all peers' indexes.", [[{}, rows]]),
    metric(
      "labswarm_messages_total",
      "counter",
      "Messages that were answered, errors included.",
      kinds.map(([kind, count]): Sample => [{ kind }, count]),
    ),
    metric("labswarm_message_errors_total", "counter", "Messages that were answered with an error.", [
      [{}, errors],
    ]),
    metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", [[{}, residentBytes]]),
    metric(
      "process_start_time_seconds",
      "gauge",
      "Start time of the process since unix epoch in seconds.",
      [[{}, startSeconds]],
    ),
  ].join("");
}

function metric(name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

/** Backslash, quote and line feed, as the format wants them. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
