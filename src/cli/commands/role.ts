/** What takes a lead, said before anything is asked, read or sent. */

import { LabError } from "../../base/errors.ts";
import type { PeerContext } from "../../peer/context.ts";

/**
 * In an open lab everybody is as good as a lead.
 *
 * @param what the sentence's beginning, as in "Cannot broadcast".
 * @throws {LabError} "not_permitted" for one that joined as a member.
 * @example
 * ```ts
 * import { demandLead } from "./role.ts";
 * demandLead({}, "Cannot broadcast");
 * ```
 */
export function demandLead({ security }: Pick<PeerContext, "security">, what: string): void {
  if (!security || security.self.role === "lead") return;
  throw new LabError(
    "not_permitted",
    `${what}: this PC joined as a member, and that takes a lead; have rs invite --role lead print a code for it`,
  );
}
