/**
 * From a request to a response: the page's own files, what it shows, and what it may have done. No sockets here: whoever
 * listens hands requests in.
 *
 * Rules: every answer carries headers that let the page load nothing from elsewhere and be embedded nowhere; every body is
 * checked against a schema, its length first; what fails is told in one sentence.
 */

import { codeOf, type ErrorCode, LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import * as v from "../deps/valibot.ts";
import type { Asset } from "./assets.ts";
import { type FilePages, ONLY, PAGE_ROWS, SORTS } from "./file_pages.ts";
import type { Gate } from "./gate.ts";
import type { Live } from "./live.ts";
import type { LabActions, LabView } from "./types.ts";

/** What answering needs. */
export interface Site {
  assets: ReadonlyMap<string, Asset>;
  view: LabView;
  actions: LabActions;
  files: FilePages;
  live: Live;
  gate: Gate;
  log: Logger;
  /** For programs that watch over this one, by path: they come under any name, and are told nothing but numbers. */
  probes?: ReadonlyMap<string, () => Probe>;
}

/** What a watching program is told. */
export interface Probe {
  status: number;
  type: string;
  body: string;
}

/** Longest body, bytes: an order names at most some hundred files and PCs. */
const BODY_MAX = 64 * 1024;

/** What is told to somebody from whose address too many wrong keys came. */
const LATE =
  "Too many wrong keys came from this PC's address; wait a minute, then try again with the right one";

/** Nothing but what comes from here, no inline code, no markup out of texts, in no frame. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

const text = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const id = text(64);
const peer = text(64);
const count = (max: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(max));
const digits = (max: number) => v.pipe(v.string(), v.regex(/^\d{1,16}$/), v.transform(Number), count(max));
const fallback = (max: number) => v.optional(v.pipe(v.string(), v.maxLength(max)), "");

const QUERIES = {
  files: v.object({
    query: fallback(1024),
    sort: v.optional(v.picklist(SORTS), "rarity"),
    only: v.optional(v.picklist(ONLY), "all"),
    offset: v.optional(digits(1e9), "0"),
    limit: v.optional(digits(1e9), String(PAGE_ROWS)),
  }),
  holders: v.object({
    name: text(1024),
    sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    size: digits(2 ** 53),
  }),
  pcs: v.object({ id }),
  share: v.object({ folder: fallback(1024) }),
};

const ORDERS = {
  login: v.object({ key: text(200) }),
  broadcast: v.object({
    paths: v.pipe(v.array(text(1024)), v.minLength(1), v.maxLength(500)),
    to: v.optional(v.pipe(v.array(peer), v.minLength(1), v.maxLength(2_000))),
  }),
  retry: v.object({ id }),
  withdraw: v.object({ id }),
  collect: v.object({
    patterns: v.pipe(v.array(text(1024)), v.minLength(1), v.maxLength(100)),
    from: v.optional(peer),
  }),
  invite: v.object({
    role: v.picklist(["member", "lead"]),
    hours: v.pipe(v.number(), v.minValue(0.1), v.maxValue(24 * 30)),
    uses: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(10_000))),
  }),
};

/**
 * Answers a request; never throws.
 *
 * @param remote address of the other end of the connection.
 */
export async function answer(site: Site, request: Request, remote: string): Promise<Response> {
  try {
    const url = urlOf(request);
    // Some programs that watch ask for the head alone; the runtime leaves the body out.
    const isRead = request.method === "GET" || request.method === "HEAD";
    const probe = isRead ? site.probes?.get(url.pathname) : undefined;
    if (probe) {
      const { body, type, status } = probe();
      return respond(body, type, status);
    }
    const verdict = site.gate.judge(request, remote);
    if (verdict === "refused") {
      throw new LabError(
        "not_permitted",
        "The page answers only under this machine's own address, and only itself",
      );
    }
    const asset = site.assets.get(url.pathname);
    if (request.method === "GET" && asset) return respond(asset.body, asset.type);
    if (url.pathname === "/api/session") {
      return session(site, { may: verdict === "full", here: site.gate.isHere(request, remote) });
    }
    if (request.method === "POST" && url.pathname === "/api/login") return await login(site, request, remote);
    if (request.method === "POST" && url.pathname === "/api/logout") {
      return json({}, 200, { "set-cookie": site.gate.logout(request) });
    }
    if (!url.pathname.startsWith("/api/")) throw new LabError("not_found", "There is no such page");
    if (verdict !== "full") {
      throw new LabError("not_permitted", "Log in with the key of this lab's page first");
    }
    const name = url.pathname.slice("/api/".length);
    if (request.method === "GET") return await look(site, name, Object.fromEntries(url.searchParams));
    if (request.method === "POST") return await act(site, name, request);
    throw new LabError("unsupported", "Only GET and POST are answered");
  } catch (thrown) {
    return refusal(site, thrown);
  }
}

/** @throws {LabError} "usage" for a Host header or a path that makes none. */
function urlOf({ url }: Request): URL {
  const parsed = URL.parse(url);
  if (parsed) return parsed;
  throw new LabError("usage", "Cannot answer: this address is none");
}

/** @param visitor may they act; are they at this machine, so that they never had to log in. */
function session({ view, actions }: Site, visitor: { may: boolean; here: boolean }): Response {
  const { may, here } = visitor;
  if (!may) return json({ may });
  const { collect, invite } = actions;
  const offered = { collect: collect !== undefined, invite: invite !== undefined };
  return json({ may, here, about: view.about, actions: offered });
}

async function login({ gate, log }: Site, request: Request, remote: string): Promise<Response> {
  const { key } = parsed(ORDERS.login, await body(request));
  const login = gate.login(key, remote);
  switch (login.kind) {
    case "in":
      log.info(`Page: a lead has logged in from ${remote}`);
      return json({}, 200, { "set-cookie": login.setCookie });
    case "wrong":
      log.warn(`Page: ${remote} showed a wrong key`);
      throw new LabError("not_permitted", "That is not the key of this lab's page");
    case "late":
      // Not in the log: a flood of keys is to be none there.
      return json({ code: "busy", message: LATE }, 429, { "retry-after": "60" });
  }
}

async function look(site: Site, name: string, query: Record<string, string>): Promise<Response> {
  switch (name) {
    case "live":
      return respond(site.live.open(), "text/event-stream");
    case "files":
      return json(site.files.page(parsed(QUERIES.files, query)));
    case "holders":
      return json(site.view.holders(parsed(QUERIES.holders, query)));
    case "pcs":
      return json(site.view.pcs(parsed(QUERIES.pcs, query).id));
    case "share":
      return json(await site.actions.share(parsed(QUERIES.share, query).folder));
    default:
      throw new LabError("not_found", "There is nothing of that name");
  }
}

async function act({ actions }: Site, name: string, request: Request): Promise<Response> {
  const given = await body(request);
  switch (name) {
    case "broadcast": {
      const { paths, to } = parsed(ORDERS.broadcast, given);
      await actions.broadcast({ paths, ...(to === undefined ? {} : { to }) });
      return json({});
    }
    case "retry":
      await actions.retry(parsed(ORDERS.retry, given).id);
      return json({});
    case "withdraw":
      await actions.withdraw(parsed(ORDERS.withdraw, given).id);
      return json({});
    case "collect": {
      const { patterns, from } = parsed(ORDERS.collect, given);
      if (!actions.collect) throw new LabError("unsupported", "Collecting is not offered here");
      await actions.collect({ patterns, ...(from === undefined ? {} : { from }) });
      return json({});
    }
    case "invite": {
      const { uses, ...rest } = parsed(ORDERS.invite, given);
      if (!actions.invite) throw new LabError("unsupported", "In an open lab nobody needs a join code");
      return json(await actions.invite({ ...rest, ...(uses === undefined ? {} : { uses }) }));
    }
    default:
      throw new LabError("not_found", "There is nothing of that name");
  }
}

/** Reads a body of JSON that is not too long. */
async function body(request: Request): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > BODY_MAX) throw new LabError("usage", `Cannot take an order of more than ${BODY_MAX} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(await new Blob(parts as BlobPart[]).text());
  } catch (cause) {
    throw new LabError("usage", "Cannot read the order: it is no JSON", { cause });
  }
}

function parsed<S extends v.GenericSchema>(schema: S, given: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, given);
  if (result.success) return result.output;
  const where = v.getDotPath(result.issues[0]!) ?? "";
  throw new LabError("usage", `Cannot do that: ${where} is not as it should be`);
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  ...{ usage: 400, not_permitted: 403, not_found: 404, unsupported: 405, busy: 503, failed: 500 },
};

function refusal({ log }: Site, thrown: unknown): Response {
  const code = codeOf(thrown);
  if (!(thrown instanceof LabError)) log.error(`Page: ${messageOf(thrown)}`, { error: thrown });
  const message = thrown instanceof LabError ? thrown.message : "Something went wrong; the log says more";
  return json({ code, message }, STATUS[code] ?? 409);
}

function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return respond(JSON.stringify(value), "application/json", status, headers);
}

function respond(body: BodyInit, type: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { ...HEADERS, ...headers, "content-type": type } });
}
