/// <reference lib="deno.worker" />
/**
 * Runs the share scanner on a thread of its own, so that hashing never holds up the network. Its permissions are
 * narrowed to reading the share and writing the data folder.
 */

import { messageOf } from "../base/errors.ts";
import type { Scanned } from "../catalog/index.ts";
import { PieceHashes } from "./piece_hashes.ts";
import { Root } from "./root.ts";
import { ShareScanner } from "./scan.ts";
import type { ScanNews, ScanOrder } from "./scan_protocol.ts";

/** Files told of at once: enough to spare messages, few enough that the first are known soon. */
const BATCH = 500;

let scanner: ShareScanner | undefined;

const tell = (news: ScanNews) => self.postMessage(news);

async function scan(): Promise<void> {
  let files: Scanned[] = [];
  let bytes = 0;
  const flush = () => {
    if (files.length > 0) tell({ kind: "changed", files });
    files = [];
    bytes = 0;
  };
  const result = await scanner!.scan((file) => {
    files.push(file);
    bytes += file.size;
    if (files.length >= BATCH || bytes > 100e6) flush();
  });
  flush();
  tell({ kind: "scanned", ...result });
}

self.onmessage = async ({ data: order }: MessageEvent<ScanOrder>) => {
  try {
    if (order.kind === "start") {
      scanner = new ShareScanner(Root.open(order.share, "read"), new PieceHashes(order.data), order.known);
    } else {
      await scan();
    }
  } catch (cause) {
    tell({ kind: "failed", message: messageOf(cause) });
  }
};
