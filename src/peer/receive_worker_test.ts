/** What a receive worker does beside what takes long. */

import { assertEquals } from "@std/assert";
import { until } from "../base/_patience.ts";
import { noise, specOf, TempFolder } from "../storage/_testing.ts";
import { PartFile } from "../storage/part_file.ts";
import type { PartSpec } from "../storage/part_spec.ts";
import { Root } from "../storage/root.ts";
import { TOOL } from "./_testing.ts";
import { WorkerPool } from "./fetch/worker_pool.ts";
import type { ReceiveNews } from "./receive_protocol.ts";

/** A file of which an earlier run left all pieces, of 1,000 bytes. */
function begun(temp: TempFolder, bytes: Uint8Array): PartSpec {
  const { piece: _, ...spec } = specOf({ a: bytes }, 1000);
  Deno.writeFileSync(PartFile.pathFor(Root.open(temp.path, "write"), spec.key), bytes);
  return spec;
}

Deno.test("while the pieces that an earlier run left are checked, a worker does what else it is told: sources aren't kept waiting", async () => {
  using temp = new TempFolder();
  const bytes = noise(2_000_000);
  temp.file("small", "small");
  const spec = begun(temp, bytes);
  const pool = new WorkerPool({ folder: temp.path, identity: TOOL, count: 1 });
  try {
    const heard: ReceiveNews[] = [];
    const order: string[] = [];
    pool.listen((news) => {
      heard.push(news);
      order.push(news.kind);
    });
    pool.tell(0, { kind: "open", content: "c", spec, seed: false });
    pool.tell(0, { kind: "check", content: "c", from: 0, step: 1, to: Infinity });
    const hashed = pool.hash("small").then(() => order.push("hashed"));
    await until("it is checked", () => order.includes("checked"));
    await hashed;
    assertEquals(order, ["opened", "hashed", "checked"]);
    assertEquals(heard.at(-1), {
      kind: "checked",
      content: "c",
      held: Array.from({ length: 2000 }, (_, i) => i),
    });
  } finally {
    pool.close();
  }
});

Deno.test("what was checked of a part file that was removed meanwhile is not said of the one that was opened after it", async () => {
  using temp = new TempFolder();
  const bytes = noise(50_000);
  const spec = begun(temp, bytes);
  const pool = new WorkerPool({ folder: temp.path, identity: TOOL, count: 1 });
  try {
    const held: number[] = [];
    pool.listen((news) => news.kind === "checked" && held.push(news.held.length));
    pool.tell(0, { kind: "open", content: "c", spec, seed: false });
    pool.tell(0, { kind: "check", content: "c", from: 0, step: 1, to: Infinity });
    pool.tell(0, { kind: "close", content: "c", discard: true });
    pool.tell(0, { kind: "open", content: "c", spec, seed: false });
    pool.tell(0, { kind: "check", content: "c", from: 0, step: 1, to: Infinity });
    await until("both are checked", () => held.length === 2);
    assertEquals(held, [0, 0]);
  } finally {
    pool.close();
  }
});
