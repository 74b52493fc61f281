/**
 * Who sends to whom in a broadcast. Pure: the same members give the same plan on every machine.
 *
 * The pieces are dealt out to two stripes, each with a binary tree of its own. A member that is inside one tree is a leaf of
 * the other, so each uplink carries one copy in all, and so does the source's: the makespan is that of the slowest link
 * plus two pieces per level, and there are log2(N) levels (after SplitStream, Castro et al. 2003).
 *
 * Members of one subnet are kept together: a tree enters each further subnet by one edge, so the link between them carries
 * one copy.
 */

/** Somebody who takes part. */
export interface Member {
  name: string;
  /** Tells which members are near to each other. */
  subnet: string;
}

/** How many trees there are; piece i travels in tree i mod STRIPES. */
export const STRIPES = 2;

/** Members that one member sends to in one tree. */
const FAN_OUT = 2;

/** Where each member gets its pieces from. */
export interface Plan {
  /**
   * For each stripe and member: the members above it, its parent first, up to the root, which gets from the source. Who
   * loses its parent asks the next of them.
   */
  ancestors: Map<string, string[][]>;
  /** Members by their distance from the source, the nearest first: the order in which to tell them. */
  order: string[];
}

/**
 * Plans a broadcast.
 *
 * @param members the receivers.
 * @param home the source's subnet: its members come first.
 * @example
 * ```ts
 * import { planBroadcast } from "./plan.ts";
 * const plan = planBroadcast(["a", "b", "c"].map((name) => ({ name, subnet: "lab" })), "lab");
 * if (plan.ancestors.get("c")?.[0]?.[0] !== "a") throw new Error("c gets the even pieces from a");
 * ```
 */
export function planBroadcast(members: readonly Member[], home: string): Plan {
  const groups = groupBySubnet(members, home);
  const trees = Array.from(
    { length: STRIPES },
    (_, stripe) => buildTree(groups.map((group) => stripe % 2 === 0 ? group : group.toReversed())),
  );
  const ancestors = new Map<string, string[][]>();
  for (const { name } of members) ancestors.set(name, trees.map((tree) => pathUp(tree, name)));
  const depth = (name: string) => Math.min(...ancestors.get(name)!.map((path) => path.length));
  const order = members.map(({ name }) => name).sort((a, b) => depth(a) - depth(b));
  return { ancestors, order };
}

function groupBySubnet(members: readonly Member[], home: string): string[][] {
  const groups = new Map<string, string[]>();
  for (const { name, subnet } of members) groups.set(subnet, [...groups.get(subnet) ?? [], name]);
  const rest = [...groups.keys()].filter((subnet) => subnet !== home).sort();
  return [home, ...rest].flatMap((subnet) => groups.has(subnet) ? [groups.get(subnet)!] : []);
}

/** Parent of each member; the root has none. */
function buildTree(groups: readonly string[][]): Map<string, string | undefined> {
  const parents = new Map<string, string | undefined>();
  const children = new Map<string, number>();
  for (const group of groups) {
    // Among those who have a place already, the first who sends to somebody and has room for one more; else the last leaf.
    const entry = [...children].find(([, count]) => count > 0 && count < FAN_OUT)?.[0] ??
      [...children.keys()].at(-1);
    group.forEach((name, i) => {
      const parent = i === 0 ? entry : group[Math.floor((i - 1) / FAN_OUT)]!;
      parents.set(name, parent);
      children.set(name, 0);
      if (parent !== undefined) children.set(parent, children.get(parent)! + 1);
    });
  }
  return parents;
}

function pathUp(parents: ReadonlyMap<string, string | undefined>, name: string): string[] {
  const path: string[] = [];
  for (let at = parents.get(name); at !== undefined; at = parents.get(at)) path.push(at);
  return path;
}
