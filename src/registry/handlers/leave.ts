/** Leave: a peer says goodbye, or a tool does so for a peer that died. */

import type { Handle } from "../state.ts";
import { unknownCookie } from "./own.ts";

/**
 * Answers a Leave. A second one is answered like the first.
 *
 * @throws {LabError} "unknown_cookie" when nobody has the cookie, or the connection is another peer's.
 */
export const leave: Handle<"Leave"> = async ({ members, store }, message, caller) => {
  if (caller.cookie !== undefined && caller.cookie !== message.cookie) throw unknownCookie();
  const record = members.leave(message.cookie);
  if (!record) throw unknownCookie();
  await store.savePeers([record]);
  return { reply: { kind: "Left" }, line: record.name, effect: { kind: "release", record, why: "left" } };
};
