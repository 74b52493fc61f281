/** Opens the page of the registration server: its key, its port, and what it is drawn from. */

import { join } from "@std/path";
import { LabError } from "../../base/errors.ts";
import type { HostPort } from "../../base/units.ts";
import { loadAssets } from "../../dashboard/assets.ts";
import { type EventList, Feed } from "../../dashboard/feed.ts";
import { FilePages } from "../../dashboard/file_pages.ts";
import { Gate } from "../../dashboard/gate.ts";
import { answer, type Probe } from "../../dashboard/http.ts";
import { Live } from "../../dashboard/live.ts";
import type { LabActions, LabView } from "../../dashboard/types.ts";
import type { PeerContext } from "../../peer/context.ts";
import { writeAtomic } from "../../storage/atomic.ts";
import { Porch } from "../../transport/porch.ts";

/** The port of the page, unless told otherwise. */
export const HTTP_PORT = 23480;
/** Where the key lies in the data folder. */
export const KEY_FILE = "page.key";

/** What the page needs. */
export interface DashboardSetting {
  host: string;
  /** Port wanted; the usual one, or else a free one, when absent. */
  port: number | undefined;
  /** Absolute path. */
  data: string;
  view: LabView;
  actions: LabActions;
  events: EventList;
  context: PeerContext;
  probes: ReadonlyMap<string, () => Probe>;
}

/** The page, open. */
export interface Dashboard {
  readonly address: HostPort;
  close(): Promise<void>;
}

/**
 * Opens the page.
 *
 * @throws {LabError} "failed" when the port can't be had.
 */
export async function openDashboard(setting: DashboardSetting): Promise<Dashboard> {
  const { context: { clock, random, log }, view, actions, events, data, probes } = setting;
  const now = () => clock.monotonic();
  const files = new FilePages(view, now);
  const live = new Live(new Feed(view, events, () => files.summary()), clock);
  const gate = new Gate({ key: await ownKey(data, setting.context), names: ownNames(), random, now });
  const site = { assets: await loadAssets(), view, actions, files, live, gate, log, probes };
  const stop = new AbortController();
  const listener = listen(setting);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} },
    (request, { remoteAddr }) => {
      const visitor = porch.visitor(remoteAddr.port);
      // Some program of this PC that found the server behind the porch.
      if (!visitor) return new Response(null, { status: 403 });
      const { host } = visitor.remote;
      porch.asked(visitor, gate.judge(request, host) === "full");
      return answer(site, request, host);
    },
  );
  const porch: Porch = new Porch(listener, { clock, port: server.addr.port });
  return {
    address: porch.address,
    async close() {
      live.close();
      stop.abort();
      porch.close();
      await server.finished;
    },
  };
}

function listen({ host, port }: DashboardSetting): Deno.TcpListener {
  const tries = port === undefined ? [HTTP_PORT, 0] : [port];
  let fault: unknown;
  for (const port of tries) {
    try {
      return Deno.listen({ hostname: host, port });
    } catch (cause) {
      fault = cause;
    }
  }
  const why = fault instanceof Deno.errors.AddrInUse
    ? "another program uses that port; choose another with --http-port, or --no-http"
    : "the system refuses that address; see --http-host and --http-port";
  throw new LabError("failed", `Cannot open the page on ${host}:${tries.at(-1)}: ${why}`, { cause: fault });
}

/** 80 random bits: enough where each try takes a request, short enough to be typed. */
async function ownKey(data: string, { clock, random }: PeerContext): Promise<string> {
  const path = join(data, KEY_FILE);
  const kept = (await Deno.readTextFile(path).catch(() => "")).trim();
  if (/^[0-9a-f]{5}(-[0-9a-f]{5}){3}$/.test(kept)) return kept;
  const key = random.id(10).match(/.{5}/g)!.join("-");
  await writeAtomic(path, `${key}\n`, { clock, mode: 0o600 });
  return key;
}

function ownNames(): string[] {
  try {
    return [Deno.hostname()];
  } catch {
    return [];
  }
}
