/** Leave: a peer says goodbye, or a tool does so for a peer that died. Its record stays, its rows don't. */

import type { Handle } from "../state.ts";
import { unknownCookie } from "./own.ts";

/**
 * Answers a Leave. A second one is answered like the first.
 *
 * @throws {LabError} "unknown_cookie" when nobody has the cookie, or the connection is another peer's.
 */
export const leave: Handle<"Leave"> = async (registry, message, caller) => {
  const { members, holdings, store } = registry;
  const { cookie } = message;
  if (caller.cookie !== undefined && caller.cookie !== cookie) throw unknownCookie();
  const record = members.leave(cookie);
  if (!record) throw unknownCookie();
  holdings.forget(cookie);
  await Promise.all([
    store.savePeers([record]),
    store.changeHoldings({ cookie, reset: true, rows: [], gone: [] }),
  ]);
  return { reply: { kind: "Left" }, line: record.name, effect: { kind: "release", record, why: "left" } };
};
