/** What a broadcast begins with: hashed files, or one large file that is hashed while it travels. */

import { resolve } from "@std/path";
import { LARGE } from "../fetch/contents.ts";
import type { PeerContext } from "../context.ts";
import { filesToSend, fileToSend, type SendFile } from "../send_files.ts";
import { HashedFile } from "./hashed_file.ts";

/**
 * Reads what is to be broadcast. A single large file is only opened: its first byte can leave long before its last is
 * hashed; whoever gets it closes its `hashing` at the end.
 *
 * @param paths files or folders, as the person named them; reading them must have been granted.
 * @throws {LabError} when something can't be read or has a name that no peer would accept.
 */
export async function filesToBroadcast(
  paths: readonly string[],
  { random, clock }: Pick<PeerContext, "random" | "clock">,
): Promise<SendFile[]> {
  const [path] = paths;
  const file = paths.length === 1 ? fileToSend(resolve(path!), path!) : undefined;
  if (!file || file.size <= LARGE) return await filesToSend(paths);
  const hashing = new HashedFile(file, { id: random.id(32), offered: file.name, clock });
  return [{ ...file, offered: file.name, sha256: hashing.feed.id, hashing }];
}
