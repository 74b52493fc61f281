/** A PC's membership of a secured lab, in its data folder: readable by its owner only where the system knows owners. */

import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import * as v from "../deps/valibot.ts";
import { type Credentials, credentialsSchema, MEMBERSHIP_FILE } from "../join/credentials.ts";
import { LabSecurity } from "../join/lab_security.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";
import { fileError, Root } from "../storage/root.ts";

/**
 * This PC's membership; undefined when it has joined no secured lab.
 *
 * @param options.isServer true for the registration server's own.
 * @throws {LabError} "not_permitted" when the file is damaged: without it nobody may fall back to an open lab.
 */
export async function loadMembership(
  data: string,
  options: { isServer?: boolean } = {},
): Promise<LabSecurity | undefined> {
  const path = join(data, MEMBERSHIP_FILE);
  const value = await readJson(path);
  if (value === undefined && !await exists(path)) return undefined;
  const parsed = v.safeParse(credentialsSchema, value);
  if (parsed.success) return await LabSecurity.from(parsed.output, options);
  throw new LabError(
    "not_permitted",
    `Cannot read this PC's membership: ${path} is damaged; delete it and join again with a code`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (cause) => !(cause instanceof Deno.errors.NotFound));
}

/** More than a membership takes, bytes. */
const MOST_BYTES = 8192;

/**
 * Makes sure that a membership can be kept, before a lab is asked for one: else it would have a member that is nobody, and
 * an invitation used up.
 *
 * @throws {LabError} "not_permitted", "disk_full" or "failed".
 */
export async function demandPlace(data: string): Promise<void> {
  Root.open(data, "write");
  const path = join(data, `${MEMBERSHIP_FILE}.try`);
  try {
    await Deno.writeFile(path, new Uint8Array(MOST_BYTES));
  } catch (cause) {
    throw fileError(cause, `Cannot write to ${data}`);
  } finally {
    await Deno.remove(path).catch(() => {/* never made, or in nobody's way */});
  }
}

/** Keeps a membership. */
export async function saveMembership(data: string, credentials: Credentials, clock: Clock): Promise<void> {
  const text = JSON.stringify(credentials, null, 2) + "\n";
  await writeAtomic(join(data, MEMBERSHIP_FILE), text, { clock, mode: 0o600 });
}
