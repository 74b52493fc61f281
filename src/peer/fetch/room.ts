/** Before the first byte: is there room for all of it? */

import { LabError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import type { Root } from "../../storage/root.ts";
import { freeSpace } from "../../storage/space.ts";
import type { ContentPlan } from "./contents.ts";

/** What the system counts a file's room in, bytes. */
const BLOCK = 512;

/**
 * Leaves out contents that could never fit, such as one of an absurd size in somebody's index: it doesn't keep the others.
 *
 * @param refused is told of each that is left out.
 * @param choice what else a person who asked for it could do about it.
 * @returns those that fit.
 * @throws {LabError} "disk_full" when each would fit, but not all of them.
 */
export function withRoom(
  plans: readonly ContentPlan[],
  root: Root,
  refused: (plan: ContentPlan, error: LabError) => void,
  choice?: string,
): ContentPlan[] {
  const free = freeSpace(root.path);
  if (free === undefined) return [...plans];
  const noRoom = (wanted: readonly ContentPlan[], need: number) =>
    new LabError(
      "disk_full",
      `${roomSentence(wanted, need, free, root)}${choice === undefined ? "" : ` or ${choice}`}`,
    );
  const need = plans.reduce((sum, plan) => sum + space(plan), 0);
  if (need <= free) return [...plans];
  const missing = new Map(plans.map((plan) => [plan, space(plan) - partBytes(root, plan.key)]));
  const fitting = plans.filter((plan) => missing.get(plan)! <= free);
  for (const plan of plans) {
    if (!fitting.includes(plan)) refused(plan, noRoom([plan], missing.get(plan)!));
  }
  const left = fitting.reduce((sum, plan) => sum + missing.get(plan)!, 0);
  if (left > free) throw noRoom(fitting, left);
  return fitting;
}

/** A pack lies on the disk twice while it is unpacked. */
function space(plan: ContentPlan): number {
  return plan.files.length > 1 ? 2 * plan.bytes : plan.bytes;
}

function roomSentence(wanted: readonly ContentPlan[], need: number, free: number, root: Root): string {
  const bytes = wanted.reduce((sum, plan) => sum + plan.bytes, 0);
  const why = need > bytes
    ? `being many files they take ${formatBytes(need)} there while they are unpacked, and `
    : "";
  return `Cannot fetch ${formatBytes(Math.min(bytes, need))} to ${root.path}: ${why}` +
    `only ${formatBytes(free)} are free there; free some space there`;
}

/**
 * Bytes that an earlier run left, at most.
 * A late piece that came first makes the file as long as it will be, and takes no more than its own room.
 */
function partBytes(root: Root, key: string): number {
  try {
    const { size, blocks } = Deno.statSync(root.ownPath(`${key}.part`));
    return Math.min(size, blocks === null ? size : blocks * BLOCK);
  } catch {
    return 0;
  }
}
