/**
 * Who may look and who may act. The page is for the person at this machine, and for leads who show the key that lies in the
 * data folder.
 *
 * Rules:
 * - From this machine means: the connection is of the loopback interface, and the page was asked for under a loopback name.
 * - Under any other name than this machine's own, or a bare address, nothing is answered: a web site whose name was made to
 *   point here (DNS rebinding) gets nothing.
 * - Whatever acts must come from our own page: the browser says so in Origin, and no other site can send JSON here.
 * - The key is compared in constant time; what a login gives is a random cookie that no script and no other site gets.
 * - A few wrong keys a minute from one address are looked at. Who has the right key gets in meanwhile, for labs sit behind NAT:
 *   keys that begin like it are counted apart, which nobody who guesses can know, and no answer tells.
 */

import { LIMITS } from "../base/limits.ts";
import type { Random } from "../base/random.ts";
import { Tries } from "../base/tries.ts";

/** Logins at once: more than a school has leads and devices. */
const SESSIONS = 64;
/** How long a login lasts, milliseconds: a school day. */
const SESSION_MS = 12 * 3600_000;
const COOKIE = "labswarm";
/** Signs of a key that tell it apart from what others try: its first group, 20 bits. */
const BEGINNING = 5;

/** What the gate knows of this machine. */
export interface GateOptions {
  /** Shows that somebody is a lead: who can read the data folder, or was told. */
  key: string;
  /** This machine's names, beside its addresses. */
  names: readonly string[];
  random: Random;
  /** Milliseconds on a clock that never jumps. */
  now: () => number;
}

/** What somebody may do: see the lab and act, or only log in. Refused: the name is not ours, or another site asks. */
export type Verdict = "full" | "login" | "refused";

/** What became of a key that was shown. Late: too many wrong ones came from that address in the last minute. */
export type Login = { kind: "in"; setCookie: string } | { kind: "wrong" } | { kind: "late" };

/** Who may look and who may act. */
export class Gate {
  #o: GateOptions;
  #tries = new Tries(LIMITS.pageTries);
  #closeTries = new Tries(LIMITS.pageTries);
  #sessions = new Map<string, number>();

  constructor(options: GateOptions) {
    this.#o = options;
  }

  /** @param remote address of the other end of the connection. */
  judge(request: Request, remote: string): Verdict {
    const host = hostOf(request.headers.get("host"));
    if (host === undefined || !this.#isOurs(host)) return "refused";
    if (!isFromOurPage(request)) return "refused";
    if (isLoopback(remote) && isLoopback(host)) return "full";
    return this.#isLoggedIn(request) ? "full" : "login";
  }

  /** Tells whether a person at this machine asks: who needs no login. */
  isHere(request: Request, remote: string): boolean {
    return isLoopback(remote) && isLoopback(hostOf(request.headers.get("host")) ?? "");
  }

  /**
   * Logs in.
   *
   * @param remote address of the other end of the connection.
   */
  login(shown: string, remote: string): Login {
    const [tried, key, now] = [normal(shown), normal(this.#o.key), this.#o.now()];
    const isClose = isSame(tried.slice(0, BEGINNING), key.slice(0, BEGINNING));
    const inTime = this.#tries.begin(remote, now);
    const ended = inTime ?? (isClose ? this.#closeTries.begin(remote, now) : undefined);
    if (!ended) return { kind: "late" };
    const isRight = isSame(tried, key);
    ended(isRight);
    if (!isRight) return { kind: inTime ? "wrong" : "late" };
    return { kind: "in", setCookie: this.#session(now) };
  }

  #session(now: number): string {
    if (this.#sessions.size >= SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!);
    const id = this.#o.random.id(16);
    this.#sessions.set(id, now + SESSION_MS);
    return `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_MS / 1000}`;
  }

  /** Logs out. @returns the value of Set-Cookie. */
  logout(request: Request): string {
    const id = sessionOf(request);
    if (id !== undefined) this.#sessions.delete(id);
    return `${COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;
  }

  /** A bare address can't be made to point here by somebody else; of names only our own are known not to. */
  #isOurs(host: string): boolean {
    if (isLoopback(host) || /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.startsWith("[")) return true;
    return this.#o.names.some((name) =>
      host === name.toLowerCase() || host === `${name.toLowerCase()}.local`
    );
  }

  #isLoggedIn(request: Request): boolean {
    const id = sessionOf(request);
    const until = id === undefined ? undefined : this.#sessions.get(id);
    return until !== undefined && this.#o.now() < until;
  }
}

/** The name in a Host header, in lower case and without the port. */
function hostOf(header: string | null): string | undefined {
  const [, host] = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(header ?? "") ?? [];
  return host?.toLowerCase();
}

function isLoopback(host: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === "localhost" || host === "::1" || host === "[::1]" ||
    host.startsWith("::ffff:127.");
}

/** Browsers say where a request comes from; what acts must say it, what only looks may come without. */
function isFromOurPage(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (request.method === "GET") {
    const isNavigation = request.headers.get("sec-fetch-mode") === "navigate";
    return site === null || site === "same-origin" || site === "none" || isNavigation;
  }
  if (site !== null && site !== "same-origin") return false;
  if (request.headers.get("origin") !== `http://${request.headers.get("host")}`) return false;
  return request.headers.get("content-type") === "application/json";
}

function sessionOf(request: Request): string | undefined {
  return /(?:^|; *)labswarm=([0-9a-f]{32})(?:;|$)/.exec(request.headers.get("cookie") ?? "")?.[1];
}

/** People type keys with other cases and gaps. */
function normal(key: string): string {
  return key.toLowerCase().replaceAll(/[^0-9a-z]/g, "");
}

/** In a time that depends on the length alone. */
function isSame(shown: string, key: string): boolean {
  let difference = shown.length ^ key.length;
  for (let i = 0; i < key.length; i++) difference |= (shown.charCodeAt(i) || 0) ^ key.charCodeAt(i);
  return difference === 0;
}
