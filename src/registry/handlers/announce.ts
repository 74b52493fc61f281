/** Announce: a peer tells what it holds, whole or what has changed. */

import { printable } from "../../catalog/names.ts";
import { counted, type Handle } from "../state.ts";
import { demandOwn } from "./own.ts";

/**
 * Answers an Announce with the number of rows that are kept of this peer, all in all: fewer than it has when some were
 * refused.
 *
 * @throws {LabError} "unknown_cookie" unless it shows the cookie of its connection's registration; "busy" when the index
 *   is too large.
 */
export const announce: Handle<"Announce"> = async (registry, message, caller) => {
  const { name } = demandOwn(registry, message.cookie, caller);
  const { change, refused, firstRefused, rows } = registry.holdings.announce(message);
  await registry.store.changeHoldings(change);
  const whole = message.reset ? "a whole index, " : "";
  const gone = change.gone.length > 0 ? `, ${change.gone.length} gone` : "";
  return {
    reply: { kind: "Announced", rows },
    line: `${name}: ${whole}${counted(change.rows.length, "file")}${gone}; ${rows} in all`,
    warning: firstRefused &&
      `${name}: ${counted(refused, "row")} refused, the first "${printable(firstRefused.name, 80)}": ${
        printable(firstRefused.fault)
      }`,
  };
};
