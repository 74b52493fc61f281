/** `peer fetch` with a serve on this PC: what the command is told while the serve does the work. */

import { codeOf, LabError } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";
import type { Tell } from "../control.ts";
import type { FetchedFile } from "../fetch/content_run.ts";
import type { FetchListener } from "../fetch/engine_options.ts";
import type { Transfer } from "./transfers.ts";

/** Names that one line tells at most. */
const NAMES = 100;

/**
 * Tells a command how its fetch goes.
 *
 * @param receiving hears how far it is, for `peer status`.
 * @param noted hears of each file.
 */
export function orderListener(
  tell: Tell,
  receiving: Pick<FetchListener, "progress">,
  noted: (file: FetchedFile) => void,
): FetchListener {
  return {
    planned: (all) => tell({ event: "planned", ...all }),
    progress: (progress) => {
      receiving.progress(progress);
      tell({ event: "progress", ...progress });
    },
    fetched: (file) => {
      noted(file);
      tell({ event: "fetched", ...file });
    },
    failed: (names, error) =>
      tell({ event: "failed", names: names.slice(0, NAMES), code: error.code, message: error.message }),
    waiting: (name) => tell({ event: "waiting", name }),
  };
}

/**
 * Nobody holds it yet, but it is being broadcast to this PC: that is what who asked for it wants to know.
 *
 * @returns the reason to give: the cause itself, unless that is so.
 */
export function orComing(
  transfers: readonly Transfer[],
  patterns: readonly string[],
  cause: unknown,
): unknown {
  if (codeOf(cause) !== "not_found") return cause;
  const coming = transfers.find(({ direction, name }) => direction === "in" && patterns.includes(name));
  if (!coming) return cause;
  const name = printable(coming.name);
  return new LabError("busy", `${name} is on its way here already; peer status tells how far it is`, {
    cause,
  });
}
