/** Numbers with units, as people type and read them: sizes, rates, durations, host and port. MB is 10^6 bytes. */

import { LabError } from "./errors.ts";

const SIZE_UNITS: Record<string, number> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  k: 1e3,
  m: 1e6,
  g: 1e9,
};

/**
 * Reads "50MB/s", "50MB", "12.5 MB/s" or "100mbit" as bytes per second.
 *
 * @throws {LabError} with code "usage" when it is no rate above zero.
 */
export function parseRate(text: string): number {
  const bits = /^\s*([0-9.]+)\s*([kmg])bit(?:\/s|ps)?\s*$/i.exec(text);
  const bytes = /^\s*([0-9.]+)\s*([a-z]*)(?:\/s)?\s*$/i.exec(text);
  const rate = bits
    ? Number(bits[1]) * SIZE_UNITS[bits[2]!.toLowerCase()]! / 8
    : Number(bytes?.[1]) * (SIZE_UNITS[bytes?.[2]?.toLowerCase() ?? "?"] ?? NaN);
  if (!(rate > 0) || !Number.isFinite(rate)) {
    throw new LabError("usage", `Cannot read the rate "${text}": write it like 50MB/s or 100mbit`);
  }
  return rate;
}

/**
 * Reads "128kB", "2 MB", "1GiB" or "500" as bytes.
 *
 * @throws {LabError} with code "usage" when it is no size of a byte or more.
 */
export function parseSize(text: string): number {
  const match = /^\s*([0-9.]+)\s*([a-z]*)\s*$/i.exec(text);
  const size = Math.round(Number(match?.[1]) * (SIZE_UNITS[match?.[2]?.toLowerCase() ?? "?"] ?? NaN));
  if (!(size > 0) || !Number.isSafeInteger(size)) {
    throw new LabError("usage", `Cannot read the size "${text}": write it like 128kB or 2MB`);
  }
  return size;
}

/**
 * Reads "90", "90s", "10m", "2h" or "1d" as milliseconds.
 *
 * @throws {LabError} with code "usage" when it is no duration above zero.
 */
export function parseDuration(text: string): number {
  const match = /^\s*([0-9.]+)\s*(ms|s|m|h|d)?\s*$/i.exec(text);
  const unit = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[match?.[2]?.toLowerCase() ?? "s"]!;
  const ms = Number(match?.[1]) * unit;
  if (!(ms > 0) || !Number.isFinite(ms)) {
    throw new LabError("usage", `Cannot read the duration "${text}": write it like 30s, 10m or 2h`);
  }
  return ms;
}

/** A host with a port. IPv6 addresses are written in brackets. */
export interface HostPort {
  host: string;
  port: number;
}

/**
 * Reads HOST, HOST:PORT, [v6]:PORT or a bare IPv6 address.
 *
 * @param fallbackPort the port when the text names none.
 * @throws {LabError} with code "usage".
 */
export function parseHostPort(text: string, fallbackPort: number): HostPort {
  const match = /^\[([0-9a-f:.]+)\](?::(\d+))?$/i.exec(text) ?? /^([\w.-]+)(?::(\d+))?$/.exec(text) ??
    /^((?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{0,4}|\d+(?:\.\d+){3}))$/i.exec(text);
  const port = match?.[2] === undefined ? fallbackPort : Number(match[2]);
  const host = match?.[1];
  const isHost = host !== undefined && (!host.includes(":") || URL.canParse(`http://[${host}]`));
  if (!isHost || port < 1 || port > 65535) {
    throw new LabError("usage", `Cannot read "${text}" as HOST[:PORT]: write it like 192.168.1.10:23475`);
  }
  return { host, port };
}

/** Writes host and port so that {@linkcode parseHostPort} reads it again. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Bytes for people: "0 B", "4.1 kB", "1.07 GB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** A number with its noun: "1 file", "12 files". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes per second for people: "11.9 MB/s". */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Seconds for people: "0.4 s", "12 s", "3 min 05 s", "2 h 05 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor(whole % 3600 / 60))} min`;
}
