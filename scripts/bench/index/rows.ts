/** The files of a campus that doesn't exist: seeded, so that each run has the same. */

import { seededRandom } from "../../../src/base/random.ts";
import type { WireRow } from "../../../src/protocol/messages.ts";

const SYLLABLES = "ba be ca co da de fi fo ga gu ha hi ka ke la lo ma mi na no pa pe ra ri sa so ta ti va vo"
  .split(" ");
const KINDS = ["pdf", "docx", "txt", "zip", "png", "py", "csv", "pptx"];
const random = seededRandom(11);

const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;

/** Words as they occur in names: some thousand. */
export const WORDS: readonly string[] = Array.from(
  { length: 3_000 },
  () => Array.from({ length: 2 + Math.floor(random.next() * 3) }, () => pick(SYLLABLES)).join(""),
);

const hash = (n: number) => n.toString(16).padStart(8, "0").repeat(8);

/** The files of one peer, none of which another has. */
export function rowsOf(peer: number, count: number): WireRow[] {
  return Array.from({ length: count }, (_, n) => {
    const id = peer * count + n;
    const day = new Date(Date.UTC(2025, 8, 1) + id * 7_000).toISOString();
    return {
      name: `students/pc${peer}/week-${n % 15}/${pick(WORDS)}-${pick(WORDS)}-${id.toString(36)}.${
        pick(KINDS)
      }`,
      title: n % 10 === 0 ? `On ${pick(WORDS)} and ${pick(WORDS)}` : "",
      size: 1_000 + id % 1_000_000,
      sha256: hash(id),
      modified: day,
      flag: 1,
    };
  });
}

/** What people look for; each a question with the kind of it. */
export function questions(peers: number, count: number): { kind: string; query: string }[] {
  const kinds: [string, () => string][] = [
    ["a word", () => pick(WORDS)],
    ["two words", () => `${pick(WORDS)} ${pick(WORDS)}`],
    ["one file", () => `${Math.floor(random.next() * peers * 100).toString(36)}.p`],
    ["a word that is nowhere", () => `${pick(WORDS)}xq`],
    ["a glob", () => `*${pick(WORDS)}*.${pick(KINDS)}`],
    ["a glob of a folder", () => `students/pc${Math.floor(random.next() * peers)}/**`],
    ["a glob without letters", () => `*-?????-*`],
  ];
  return Array.from({ length: count }, (_, n) => {
    const [kind, make] = kinds[n % kinds.length]!;
    return { kind, query: make() };
  });
}
