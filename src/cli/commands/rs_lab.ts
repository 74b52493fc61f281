/**
 * `rs invite`, `rs members`, `rs revoke`: the lab's membership. Done by the `rs serve` on this data folder where one runs,
 * so that live connections hear of it; else on the files themselves.
 */

import { LabError } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";
import type { Role } from "../../join/card.ts";
import type { MemberRecord } from "../../join/membership.ts";
import { connectControl, type ControlCommand, type Tell } from "../../peer/control.ts";
import { lockDataFolder } from "../../peer/data_folder.ts";
import { INVITE_LASTS, SecuredLab } from "../../registry/lab.ts";
import type { CommandContext } from "../context.ts";
import type { Column } from "../table.ts";
import { minuteText } from "./lists.ts";
import type { INVITE_FLAGS, LAB_FLAGS, MEMBERS_FLAGS } from "./rs_flags.ts";
import type { NatsStore } from "../../registry/nats/nats_store.ts";
import { openShared, openSharedLab } from "./rs_store.ts";
import { peerContext } from "./setting.ts";

/** What the three do, over the control port or without it. */
export function labCommands(lab: SecuredLab): Record<"invite" | "members" | "revoke", ControlCommand> {
  return {
    async invite({ role, lasts, uses }, tell) {
      const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
      const wanted: Role = role === "lead" ? "lead" : "member";
      const invitation = await lab.invite({
        role: wanted,
        lasts: isNumber(lasts) ? lasts : INVITE_LASTS,
        uses: isNumber(uses) ? uses : undefined,
      });
      tell({ event: "invite", ...invitation });
    },
    members(_, tell) {
      const byName = lab.membership.members.toSorted((a, b) => a.name < b.name ? -1 : 1);
      for (const member of byName) tell(lineOf(member));
      return Promise.resolve();
    },
    async revoke({ peer }, tell) {
      const { name, id } = await lab.revoke(String(peer));
      tell({ event: "revoked", peer: name, id });
    },
  };
}

/** The same three where there is nothing to be a member of. */
export const openLabCommands: ReturnType<typeof labCommands> = {
  invite: () => Promise.reject(isOpen("invite")),
  members: () => Promise.reject(isOpen("list members")),
  revoke: () => Promise.reject(isOpen("revoke")),
};

function isOpen(what: string): LabError {
  return new LabError(
    "failed",
    `Cannot ${what}: this lab is open, so nobody joins it; start rs serve in a new data folder without --open for a secured one`,
  );
}

function lineOf({ name, id, role, joined, address, revoked }: MemberRecord): Record<string, unknown> {
  return {
    event: "member",
    ...{ name, id, role, address },
    joined: new Date(joined).toISOString(),
    ...(revoked === undefined ? {} : { revoked: new Date(revoked).toISOString() }),
  };
}

/** Runs the command that was typed. */
export async function run(
  ctx: CommandContext<typeof INVITE_FLAGS & typeof MEMBERS_FLAGS & typeof LAB_FLAGS>,
): Promise<void> {
  const { output, flags } = ctx;
  const name = ctx.command as "invite" | "members" | "revoke";
  const lines: Record<string, unknown>[] = [];
  await carryOut(ctx, name, argsOf(ctx, name), (line) => {
    lines.push(line);
    output.json(line as { event: string });
  });
  if (name === "invite") return void output.result(String(lines[0]?.code));
  if (name === "revoke") return output.line(`${printable(String(lines[0]?.peer))} is a member no longer`);
  const columns: Column<Record<string, unknown>>[] = ["name", "role", "id", "address"].map((key) => ({
    key,
  }));
  columns.push({ key: "joined", format: minuteText }, { key: "revoked", format: minuteText });
  if (flags.csv) return output.csv(lines, columns);
  if (lines.length === 0) return output.line("Nobody has joined yet; rs invite prints a join code");
  output.table(lines, columns);
}

function argsOf(ctx: CommandContext<typeof INVITE_FLAGS>, name: string): Record<string, unknown> {
  const { role, expires, uses } = ctx.flags;
  if (name === "revoke") return { peer: ctx.args[0] };
  if (name === "members") return {};
  return { role, lasts: expires, ...(uses === undefined ? {} : { uses }) };
}

async function carryOut(
  ctx: CommandContext<typeof LAB_FLAGS>,
  name: "invite" | "members" | "revoke",
  args: Record<string, unknown>,
  tell: Tell,
): Promise<void> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
  const control = await connectControl(data, "rs", peerContext(ctx));
  if (control) {
    try {
      return await control.run(name, args, tell, ctx.signal);
    } finally {
      control.close();
    }
  }
  if (!await SecuredLab.isIn(data)) {
    throw new LabError(
      "failed",
      `Cannot ${
        name === "members" ? "list members" : name
      }: there is no secured lab in ${ctx.folders.data}; rs serve makes one`,
    );
  }
  const lock = lockDataFolder(data, "rs", name === "members" ? "list the members" : name);
  let store: NatsStore | undefined;
  try {
    ({ store } = await openShared(ctx, data));
    const lab = store
      ? await openSharedLab(ctx, data, store)
      : await SecuredLab.open({ data, clock: ctx.clock, log: ctx.log });
    await labCommands(lab)[name](args, tell, ctx.signal);
  } finally {
    await store?.close();
    lock.release();
  }
}
