/** That somebody on this PC is bringing the same content already: another command, or a broadcast. */

import { LabError } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";

/** A content is being received here by somebody else. */
export class UnderWay extends LabError {
  override name = "UnderWay";

  /** @param lock path of the lock that the other one holds. */
  constructor(readonly title: string, readonly lock: string) {
    super("busy", `Cannot fetch ${printable(title)}: another fetch of it is under way here`);
  }
}
