/** Where a shared registry lies: `nats://a:4222,b:4222,c:4222`, as `--store` takes it. Pure. */

import { LabError } from "../../base/errors.ts";

/** A registry in NATS. */
export interface NatsPlace {
  /** HOST:PORT of each server. */
  servers: readonly string[];
  user?: string;
  password?: string;
  token?: string;
  /** Connections are encrypted. */
  tls: boolean;
  /** Then: certificates of the only authorities that are trusted, in PEM. */
  ca?: string;
  /** Name of the registry: several may lie in one cluster. Its buckets' names begin so. */
  registry: string;
}

/** NATS' port. */
const PORT = 4222;
const REGISTRY = "labswarm";
/** Servers named at once: a cluster has three or five. */
const SERVERS_MAX = 16;

/**
 * Reads what somebody typed.
 *
 * @throws {LabError} "usage"; the sentence repeats no password.
 * @example
 * ```ts
 * import { parsePlace } from "./place.ts";
 * const { servers, registry, tls } = parsePlace("nats://rs:secret@a,b:4223/lab7");
 * if (servers.join() !== "a:4222,b:4223" || registry !== "lab7" || tls) throw new Error("two servers expected");
 * ```
 */
export function parsePlace(text: string): NatsPlace {
  const [, scheme, login, hosts, registry = REGISTRY] =
    /^(nats|tls):\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([^/]*))?\/?$/.exec(text.trim()) ?? [];
  if (scheme === undefined || hosts === undefined) {
    throw new LabError(
      "usage",
      "Cannot read where NATS is: it is written nats://HOST:PORT,HOST:PORT,HOST:PORT",
    );
  }
  if (!/^[\w-]{1,32}$/.test(registry)) {
    throw new LabError(
      "usage",
      "Cannot read where NATS is: the registry's name has letters, digits, - and _ only",
    );
  }
  const servers = hosts.split(",").map((host) => host.trim().replace(/^(nats|tls):\/\//, "")).map(withPort);
  if (servers.length > SERVERS_MAX) {
    throw new LabError(
      "usage",
      `Cannot read where NATS is: it names ${servers.length} servers, ${SERVERS_MAX} at most`,
    );
  }
  return { servers, tls: scheme === "tls", registry, ...loginOf(login) };
}

/**
 * The same with the authority that certified its servers: one for `tls://`, none for `nats://`.
 *
 * @param ca what the file of `--nats-ca` holds.
 * @throws {LabError} "usage" when it is missing, useless, or not wanted.
 */
export function trusting(place: NatsPlace, ca: string | undefined): NatsPlace {
  if (!place.tls) {
    if (ca === undefined) return place;
    throw needless();
  }
  if (ca === undefined) {
    throw new LabError(
      "usage",
      `Cannot connect to ${
        placeText(place)
      }: say with --nats-ca FILE which authority certified these servers; no other ` +
        "is trusted",
    );
  }
  const certificates = ca.match(/-----BEGIN CERTIFICATE-----[\w+/=\s]+-----END CERTIFICATE-----/g);
  if (certificates) return { ...place, ca: `${certificates.join("\n")}\n` };
  throw new LabError(
    "usage",
    "Cannot use --nats-ca: that file holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
  );
}

/** An authority was named where nothing is encrypted. */
export function needless(): LabError {
  return new LabError("usage", "Cannot use --nats-ca: it goes with a registry at tls://..., see --store");
}

/** The same without what is secret, for people. */
export function placeText({ servers, tls, registry }: NatsPlace): string {
  return `${tls ? "tls" : "nats"}://${servers.join(",")}${registry === REGISTRY ? "" : `/${registry}`}`;
}

function loginOf(login: string | undefined): { user: string; password: string } | { token: string } | object {
  if (login === undefined || login === "") return {};
  const [user, password] = login.split(/:(.*)/s).map(decode);
  return password === undefined ? { token: user! } : { user: user!, password };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new LabError("usage", "Cannot read where NATS is: in a password % is written %25");
  }
}

function withPort(host: string): string {
  const [, name, port = String(PORT)] = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/.exec(host) ?? [];
  if (name === undefined || Number(port) < 1 || Number(port) > 65535) {
    throw new LabError("usage", "Cannot read where NATS is: each server is written HOST or HOST:PORT");
  }
  return `${name}:${port}`;
}
