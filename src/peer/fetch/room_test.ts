import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { LabError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { Root } from "../../storage/root.ts";
import { freeSpace } from "../../storage/space.ts";
import type { ContentPlan, PlacedFile } from "./contents.ts";
import { withRoom } from "./room.ts";

function plan(key: string, bytes: number, files: number): ContentPlan {
  const file = (i: number): PlacedFile => ({
    name: `${key}${i}`,
    target: `${key}${i}`,
    size: Math.floor(bytes / files),
    sha256: "0".repeat(64),
    modified: 0,
    holders: [],
    present: false,
  });
  return {
    key,
    files: Array.from({ length: files }, (_, i) => file(i)),
    holders: [],
    pieceSize: 262144,
    bytes,
  };
}

Deno.test("a pack needs its space twice, a single file once; what can't fit is left out by itself", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const free = freeSpace(folder)!;
    const refused: [string, string][] = [];
    const said: string[] = [];
    const refuse = ({ key }: ContentPlan, { code, message }: LabError) => {
      refused.push([key, code]);
      said.push(message);
    };
    const plans = [plan("pack", free * 0.7, 2), plan("file", free * 0.7, 1), plan("absurd", 2 ** 52, 1)];
    const fitting = withRoom(plans, Root.open(folder, "write"), refuse);
    assertEquals(fitting.map(({ key }) => key), ["file"]);
    assertEquals(refused, [["pack", "disk_full"], ["absurd", "disk_full"]]);
    const [size, twice] = [free * 0.7, free * 1.4].map(formatBytes);
    assertStringIncludes(
      said[0]!,
      `Cannot fetch ${size} to ${folder}: being many files they take ${twice} there`,
    );
    assertStringIncludes(said[1]!, `to ${folder}: only `);
    assertMatch(said[0]!, /; free some space there$/, "who is sent something has no other folder");
    withRoom(plans, Root.open(folder, "write"), refuse, "choose another folder with --out");
    assertMatch(said.at(-1)!, /; free some space there or choose another folder with --out$/);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("of what an earlier run left counts what it has written, not how far it came", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const root = Root.open(folder, "write");
    const bytes = Math.floor(freeSpace(folder)! * 1.2);
    const part = root.ownPath("file.part");
    // Its last piece came first.
    await Deno.writeFile(part, new Uint8Array(0));
    await Deno.truncate(part, bytes);
    const refused: string[] = [];
    assertEquals(withRoom([plan("file", bytes, 1)], root, ({ key }) => void refused.push(key)), []);
    assertEquals(refused, ["file"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
