/**
 * Who sends to whom in a broadcast. Pure: the same members give the same plan on every machine.
 *
 * The pieces are dealt out to two stripes, each with a binary tree of its own. A member that is inside one tree is a leaf of
 * the other, so each uplink carries one copy in all, and so does the source's: the makespan is that of the slowest link
 * plus two pieces per level, and there are log2(N) levels (after SplitStream, Castro et al. 2003). STATE.md tells what else
 * was tried.
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
   * For each stripe and member whom to ask: its parent first, then those who can stand in for it, up to the root, which gets
   * from the source. Who loses its parent asks the next of them.
   */
  ancestors: Map<string, string[][]>;
  /** For each member and stripe, how many members are between it and the source. */
  depths: Map<string, number[]>;
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
  const candidates = trees.map((_, stripe) => candidatesOf(trees, stripe));
  const ancestors = new Map<string, string[][]>();
  const depths = new Map<string, number[]>();
  for (const { name } of members) {
    depths.set(name, trees.map((tree) => pathUp(tree, name).length));
    ancestors.set(name, candidates.map((each) => each.get(name)!));
  }
  const depth = (name: string) => Math.min(...depths.get(name)!);
  const order = members.map(({ name }) => name).sort((a, b) => depth(a) - depth(b));
  return { ancestors, depths, order };
}

function groupBySubnet(members: readonly Member[], home: string): string[][] {
  const groups = new Map<string, string[]>();
  for (const { name, subnet } of members) groups.set(subnet, [...groups.get(subnet) ?? [], name]);
  const rest = [...groups.keys()].filter((subnet) => subnet !== home).sort();
  return [home, ...rest].flatMap((subnet) => groups.has(subnet) ? [groups.get(subnet)!] : []);
}

/** Parent of each member; the root has none. */
type Tree = ReadonlyMap<string, string | undefined>;

function buildTree(groups: readonly string[][]): Tree {
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

function pathUp(parents: Tree, name: string): string[] {
  const path: string[] = [];
  for (let at = parents.get(name); at !== undefined; at = parents.get(at)) path.push(at);
  return path;
}

/** Who stands in is sought so many steps far: beyond that, the members above are asked in order. */
const STEPS = 6;

/**
 * Whom each member asks in one stripe, its parent first. Two children who lose their parent must not go to the same member:
 * one takes the parent's place below its parent in this tree, the other in the next tree, where an uplink is free too now
 * that the parent needs it no more. Where that one is lost as well, they stand where the parent would, and so on.
 */
function candidatesOf(trees: readonly Tree[], stripe: number): Map<string, string[]> {
  const tree = trees[stripe]!;
  const seconds = trees.map((_, i) => secondsOf(trees, i));
  const candidates = new Map<string, string[]>();
  for (const name of tree.keys()) {
    const path = pathUp(tree, name);
    const found = new Set(path.slice(0, 1));
    let [at, in_, parent] = [name, stripe, path[0]];
    for (let step = 0; step < STEPS && parent !== undefined; step++) {
      if (seconds[in_]!.has(at)) in_ = (in_ + 1) % trees.length;
      at = parent;
      parent = trees[in_]!.get(at);
      // What hangs below us can't have it before us.
      if (parent === undefined || parent === name || pathUp(tree, parent).includes(name)) break;
      found.add(parent);
    }
    candidates.set(name, [...found, ...path.filter((each) => !found.has(each))]);
  }
  return candidates;
}

/** Those who go to the next tree when they lose their parent: one of two children each. */
function secondsOf(trees: readonly Tree[], stripe: number): Set<string> {
  const [tree, other] = [trees[stripe]!, trees[(stripe + 1) % trees.length]!];
  const children = new Map<string, string[]>();
  for (const [name, parent] of tree) {
    if (parent !== undefined) children.set(parent, [...children.get(parent) ?? [], name]);
  }
  const seconds = new Set<string>();
  for (const [parent, [first, second]] of children) {
    const deputy = other.get(parent);
    if (first === undefined || second === undefined || deputy === undefined) continue;
    const isBelowSecond = deputy === second || pathUp(tree, deputy).includes(second);
    seconds.add(isBelowSecond ? first : second);
  }
  return seconds;
}
