/** Builds the institution on this machine, and takes it away. Needs root and network namespaces. */

import {
  allowCongestionControl,
  carryOut,
  inside,
  makeNamespace,
  namespacesLike,
  removeNamespaces,
} from "../netns.ts";
import { batchesOf, namespacesOf } from "./plan.ts";
import type { Site } from "./site.ts";

/** Why it can't be built here; undefined where it can. */
export async function whyNot(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (Deno.uid() !== 0) return "network namespaces need root";
  const probe = `lsl-probe-${Deno.pid}`;
  try {
    allowCongestionControl();
    await makeNamespace(probe, { routed: false });
    return undefined;
  } catch (cause) {
    return `no network namespace can be made here: ${(cause as Error).message}`;
  } finally {
    await removeNamespaces(probe).catch(() => {/* there are none here */});
  }
}

/** True while it is there. */
export async function isUp(prefix: string): Promise<boolean> {
  return (await namespacesLike(prefix)).length > 0;
}

/** Builds it; what was left half-built is taken away first. */
export async function up(site: Site, prefix: string): Promise<void> {
  await removeNamespaces(prefix);
  allowCongestionControl();
  try {
    for (const { name, routed } of namespacesOf(site, prefix)) await makeNamespace(name, { routed });
    for (const batch of batchesOf(site, prefix)) await carryOut(batch);
  } catch (cause) {
    await removeNamespaces(prefix);
    throw cause;
  }
}

/** Ends whatever runs on its PCs, and takes it away. */
export async function down(prefix: string): Promise<void> {
  await removeNamespaces(prefix);
}

/** The command that runs something on a PC or router. */
export function on(name: string, prefix: string, ...command: string[]): [string, ...string[]] {
  return inside(prefix + name, ...command);
}
