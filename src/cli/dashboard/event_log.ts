/** What happens, for the log and for the page alike: one vocabulary. */

import type { Logger } from "../../base/log.ts";
import type { EventList } from "../../dashboard/feed.ts";
import type { Clock } from "../../base/clock.ts";

/** Messages that come all the time and tell a reader nothing. */
const ROUTINE = new Set(["KeepAlive", "PQuery", "RFCQuery", "BQuery", "Receipts"]);

/** A log that shows on the page, too. */
export function eventLog(log: Logger, events: EventList, clock: Clock): Logger {
  const told = (level: "info" | "warn" | "error"): Logger["info"] => (message, properties) => {
    log[level](message, properties);
    const kind = properties?.["message"];
    if (level === "info" && typeof kind === "string" && ROUTINE.has(kind)) return;
    // The log's first word stands in a column.
    events.add({ at: clock.now(), level, text: message.replace(/^(\w+) {2,}/, "$1: ") });
  };
  return {
    debug: (message, properties) => log.debug(message, properties),
    info: told("info"),
    warn: told("warn"),
    error: told("error"),
  };
}
