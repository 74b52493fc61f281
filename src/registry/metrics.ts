/**
 * The registration server's numbers, defined once, and in Prometheus' text format. Pure: what is served, and where, is
 * others' business.
 *
 * Names and units follow https://prometheus.io/docs/practices/naming/: base units as a suffix, `_total` for what only grows.
 * Words from the network never become labels: the kinds of messages are the program's own.
 */

import type { RegistryStats } from "./server.ts";

/** What the process knows of itself. */
export interface ProcessStats {
  /** Resident memory, bytes. */
  residentBytes: number;
  /** When it started, seconds since 1970. */
  startSeconds: number;
  version: string;
  /** When the last backup was made, seconds since 1970; undefined when none is known. */
  backupSeconds?: number | undefined;
}

/** Which format this is. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** A value with what tells it from others of its metric. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** One metric. */
export interface Metric {
  /** Without unit and `_total`. */
  name: string;
  type: "gauge" | "counter";
  unit?: "bytes" | "seconds" | "info";
  help: string;
  samples: readonly Sample[];
}

/** All metrics. */
export function metricsOf(stats: RegistryStats, process: ProcessStats): Metric[] {
  const { residentBytes, startSeconds, version, backupSeconds } = process;
  const own = (name: string, help: string, samples: readonly Sample[]) =>
    gauge(`labswarm_${name}`, help, samples);
  return [
    { ...own("build", "The program's version.", [[{ version }, 1]]), unit: "info" },
    own("peers", "Records of peers.", [
      [{ state: "active" }, stats.active],
      [{ state: "inactive" }, stats.peers - stats.active],
    ]),
    own("connections", "Connections that are open.", one(stats.connections)),
    own("index_rows", "Rows of all peers' indexes.", one(stats.rows)),
    own("broadcasts", "Broadcasts under way, or kept for PCs that come.", one(stats.broadcasts)),
    own(
      "servers",
      "Servers that share the registry, this one included.",
      shared(stats, ({ others }) => 1 + others.length),
    ),
    own(
      "registry_up",
      "Whether the shared registry is within reach.",
      shared(stats, ({ isReachable }) => Number(isReachable)),
    ),
    {
      ...own(
        "store_size",
        "Size of the database.",
        stats.storeBytes === undefined ? [] : one(stats.storeBytes),
      ),
      unit: "bytes",
    },
    {
      ...own(
        "last_backup_timestamp",
        "When the last backup was made, since unix epoch.",
        backupSeconds === undefined ? [] : one(backupSeconds),
      ),
      unit: "seconds",
    },
    {
      ...own("messages", "Messages that were answered, errors included.", kinds(stats.messages)),
      type: "counter",
    },
    {
      ...own("message_errors", "Messages that were answered with an error.", one(stats.errors)),
      type: "counter",
    },
    { ...gauge("process_resident_memory", "Resident memory size.", one(residentBytes)), unit: "bytes" },
    {
      ...gauge("process_start_time", "Start time of the process since unix epoch.", one(startSeconds)),
      unit: "seconds",
    },
  ];
}

/** Nothing for a server that keeps its registry alone. */
function shared(
  { shared }: RegistryStats,
  value: (shared: NonNullable<RegistryStats["shared"]>) => number,
): readonly Sample[] {
  return shared ? one(value(shared)) : [];
}

/**
 * One page of metrics; those without a value are left out.
 *
 * @example
 * ```ts
 * import { renderMetrics } from "./metrics.ts";
 * const stats = {
 *   ...{ peers: 3, active: 2, connections: 4, rows: 9, messages: { Register: 3 }, errors: 0 },
 *   ...{ broadcasts: 0, storeBytes: undefined },
 * };
 * const text = renderMetrics(stats, { residentBytes: 1, startSeconds: 2, version: "1.0" });
 * if (!text.includes('\nlabswarm_messages_total{kind="Register"} 3\n')) throw new Error(text);
 * ```
 */
export function renderMetrics(stats: RegistryStats, process: ProcessStats): string {
  return metricsOf(stats, process).filter(({ samples }) => samples.length > 0).map(render).join("");
}

function render({ name, type, unit, help, samples }: Metric): string {
  const whole = [name, ...unit ? [unit] : [], ...type === "counter" ? ["total"] : []].join("_");
  const lines = samples.map(([labels, value]) => `${whole}${labelsOf(labels)} ${value}\n`);
  return `# HELP ${whole} ${help}\n# TYPE ${whole} ${type}\n${lines.join("")}`;
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name, type: "gauge", help, samples };
}

function one(value: number): Sample[] {
  return [[{}, value]];
}

function kinds(messages: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(messages).toSorted(([a], [b]) => a < b ? -1 : 1).map(([kind, n]) => [{ kind }, n]);
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

/** Backslash, quote and line feed, as the format wants them. */
function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
