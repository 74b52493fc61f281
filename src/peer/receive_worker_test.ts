/** What a receive worker does beside what takes long. */

import { assertEquals } from "@std/assert";
import { until } from "../base/_patience.ts";
import { noise, specOf, TempFolder } from "../storage/_testing.ts";
import { TOOL } from "./_testing.ts";
import { WorkerPool } from "./fetch/worker_pool.ts";
import type { ReceiveNews } from "./receive_protocol.ts";

Deno.test("while pieces are checked, or copied from a twin, a worker does what else it is told: sources aren't kept waiting", async () => {
  using temp = new TempFolder();
  const bytes = noise(2_000_000);
  temp.file("twin", bytes);
  temp.file("small", "small");
  const { piece: _, ...spec } = specOf({ a: bytes }, 1000, { twins: ["twin"] });
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
  temp.file("twin", bytes);
  const { piece: _, ...spec } = specOf({ a: bytes }, 1000, { twins: ["twin"] });
  const pool = new WorkerPool({ folder: temp.path, identity: TOOL, count: 1 });
  try {
    const held: number[] = [];
    pool.listen((news) => news.kind === "checked" && held.push(news.held.length));
    pool.tell(0, { kind: "open", content: "c", spec, seed: false });
    pool.tell(0, { kind: "check", content: "c", from: 0, step: 1, to: Infinity });
    pool.tell(0, { kind: "close", content: "c", discard: true });
    pool.tell(0, { kind: "open", content: "c", spec: { ...spec, twins: [] }, seed: false });
    pool.tell(0, { kind: "check", content: "c", from: 0, step: 1, to: Infinity });
    await until("both are checked", () => held.length === 2);
    assertEquals(held, [0, 0]);
  } finally {
    pool.close();
  }
});
