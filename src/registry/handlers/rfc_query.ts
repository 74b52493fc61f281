/** RFCQuery: who holds which files. Needs no registration; only what active peers hold is told. */

import { LabError } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";
import type { WireHolder } from "../../protocol/messages.ts";
import { queryPage } from "../holdings_query.ts";
import type { Members } from "../members.ts";
import { addressOf, askerOf, counted, type Handle } from "../state.ts";

/**
 * Answers an RFCQuery; the asker's cookie leaves it out of the holders.
 *
 * @throws {LabError} "not_found" when `from` is no active peer; "usage" when patterns, words or cursor can't be used.
 */
export const rfcQuery: Handle<"RFCQuery"> = (registry, message, caller) => {
  const { members, holdings, secured } = registry;
  const { patterns, query, after } = message;
  const from = message.from === undefined ? undefined : demandActive(members, message.from);
  const holderOf = (cookie: string): WireHolder | undefined => {
    const record = cookie === message.cookie ? undefined : members.byCookie(cookie);
    if (!record?.active) return undefined;
    const { name, port } = record;
    return { name, address: addressOf(record, caller), port, ...(secured ? { id: cookie } : {}) };
  };
  const reply = queryPage(holdings, { patterns, query, from, after }, holderOf, () => registry.now().mono);
  const asker = askerOf(members.byCookie(message.cookie ?? caller.cookie ?? ""), caller);
  const more = reply.next === undefined ? "" : ", and more to come";
  const asked = [...(patterns ?? []).slice(0, 3), ...(query === undefined ? [] : [query])].join(" ");
  const about = asked === "" ? "" : ` "${printable(asked, 60)}"`;
  return { reply, line: `${asker}${about}: ${counted(reply.rows.length, "file")}${more}` };
};

function demandActive(members: Members, name: string): string {
  const record = members.byName(name);
  if (record?.active) return record.cookie;
  const seen = record ? "it is not active now" : "there is no such peer";
  throw new LabError("not_found", `Cannot list the files of ${printable(name, 80)}: ${seen}`);
}
