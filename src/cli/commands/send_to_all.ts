/** A broadcast from its files to its end, whoever wants it: a command, or the page of the registration server. */

import type { LabError } from "../../base/errors.ts";
import type { Background } from "../../peer/broadcast/background.ts";
import type { BroadcastSetting } from "../../peer/broadcast/broadcast.ts";
import { toolIdentity } from "../../peer/context.ts";
import { offerServer } from "../../peer/send.ts";
import { contentsOf, type SendFile } from "../../peer/send_files.ts";
import { systemDatagrams } from "../../transport/discovery/datagrams.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { KeptBroadcast, type Memory } from "./remember.ts";

/** Connections of one broadcast's receivers at once: a control and two data connections for each of 400 PCs. */
const MOST_CONNECTIONS = 1_200;

/** What a broadcast needs beside its files. */
export type SendToAll =
  & Omit<BroadcastSetting, "identity" | "port" | "reachedAt" | "home" | "background" | "multicast">
  & Memory
  & {
    limiter?: RateLimiter;
    background?: Background | undefined;
    /** By multicast, too, where that is worth while: yes unless told. */
    byMulticast?: boolean;
    begun?: (run: KeptBroadcast) => void;
  };

/**
 * Sends files to everybody, or to some.
 *
 * @returns how it went with each.
 * @throws {LabError} when there is nobody to send to, or the registration server can't be told.
 */
export async function sendToAll(files: readonly SendFile[], setting: SendToAll): Promise<KeptBroadcast> {
  const { context, name, title, expires, adopt, background } = setting;
  const limiter = setting.limiter ?? new RateLimiter(context.clock, Infinity);
  const contents = contentsOf(files, context);
  const hashing = files[0]?.hashing;
  let run: KeptBroadcast | undefined;
  const changed = (fault: LabError) => run?.spoiled(fault);
  const server = offerServer(
    contents,
    { context, name, limiter, background, hashing, changed },
    MOST_CONNECTIONS,
  );
  const tidy = context.clock.every(5_000, () => contents.tidy());
  try {
    run = new KeptBroadcast(files, {
      ...setting,
      background: background !== undefined,
      identity: toolIdentity(context, name),
      port: server.address.port,
      reachedAt: server.reachedAt,
      home: asSaid(() => Deno.networkInterfaces()).map(({ address }) => address),
      ...(setting.byMulticast === false
        ? {}
        : { multicast: { interfaces: asSaid(systemDatagrams.interfaces), limiter } }),
    }, { title, expires, ...(adopt ? { adopt } : {}) });
    setting.begun?.(run);
    const begun = run;
    background?.begin(() => begun.children());
    await run.run();
    return run;
  } finally {
    background?.close();
    tidy();
    server.close();
    contents.close();
    await hashing?.close();
  }
}

/** What the system says of this PC's network; nothing where it doesn't. */
function asSaid<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch {
    return [];
  }
}
