/**
 * Copying a registry from one store to another: peers with their cookies, what they hold, broadcasts with receipts.
 *
 * Rules: what was copied is read back and counted; a copy that was broken off is done again from the beginning, which
 * changes nothing that was there.
 */

import { LabError } from "../base/errors.ts";
import type { WireRow } from "../protocol/messages.ts";
import type { Store } from "./store.ts";

/** Records written at once: each is a message that is waited for. */
const AT_ONCE = 200;

/** How much there was. */
export interface Copied {
  peers: number;
  rows: number;
  broadcasts: number;
  receipts: number;
}

/**
 * Copies.
 *
 * @param to must be empty, or hold a part of the same.
 * @throws {LabError} "failed" when the copy holds something else than the original.
 */
export async function copyRegistry(from: Store, to: Store): Promise<Copied> {
  const peers = [...await from.loadPeers()];
  for (let at = 0; at < peers.length; at += AT_ONCE) await to.savePeers(peers.slice(at, at + AT_ONCE));
  await copyHoldings(from, to);
  const { heads, receipts } = await from.broadcasts.load();
  for (const head of heads) {
    await to.broadcasts.saveFiles(head.id, 0, await from.broadcasts.files(head.id));
    await to.broadcasts.save(head);
  }
  for (let at = 0; at < receipts.length; at += AT_ONCE) {
    await to.broadcasts.saveReceipts(receipts.slice(at, at + AT_ONCE));
  }
  const [wanted, seen] = [await countOf(from), await countOf(to)];
  if (JSON.stringify(wanted) === JSON.stringify(seen)) return seen;
  throw new LabError(
    "failed",
    `Cannot copy the registry: ${JSON.stringify(wanted)} was to be there, and ${
      JSON.stringify(seen)
    } is; choose a registry that is empty, as in nats://HOST:PORT/NAME`,
  );
}

async function copyHoldings(from: Store, to: Store): Promise<void> {
  const held = new Map<string, WireRow[]>();
  for (const { cookie, row } of await from.loadHoldings()) {
    const rows = held.get(cookie);
    if (rows) rows.push(row);
    else held.set(cookie, [row]);
  }
  const all = [...held];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    await Promise.all(
      all.slice(at, at + AT_ONCE).map(([cookie, rows]) =>
        to.changeHoldings({ cookie, reset: true, rows, gone: [] })
      ),
    );
  }
}

async function countOf(store: Store): Promise<Copied> {
  const peers = [...await store.loadPeers()].length;
  let rows = 0;
  for (const _ of await store.loadHoldings()) rows++;
  const { heads, receipts } = await store.broadcasts.load();
  return { peers, rows, broadcasts: heads.length, receipts: receipts.length };
}
