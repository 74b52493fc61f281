/** A worker that waits for work, and is borrowed. */

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { TempFolder } from "../../storage/_testing.ts";
import { TOOL } from "../_testing.ts";
import { WarmPool } from "./warm_pool.ts";
import type { WorkerPool } from "./worker_pool.ts";

function stage() {
  const temp = new TempFolder();
  temp.file("x", "x");
  return { temp, warm: new WarmPool(temp.path, () => TOOL), [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

async function assertWorks(pool: WorkerPool): Promise<void> {
  assertEquals((await pool.hash("x"))?.length, 64);
}

Deno.test("the same worker again and again; who finds it taken gets others", async () => {
  using s = stage();
  s.warm.warm();
  const first = s.warm.borrow();
  const second = s.warm.borrow();
  assertNotStrictEquals(first.pool, second.pool);
  await assertWorks(first.pool);
  await assertWorks(second.pool);
  second.release(true);
  assertEquals(second.pool.size, 0);
  first.release(true);
  const third = s.warm.borrow();
  assertStrictEquals(third.pool, first.pool);
  await assertWorks(third.pool);
  third.release(true);
  s.warm.close();
  assertEquals(first.pool.size, 0);
});

Deno.test("after a run that failed there is a fresh one", async () => {
  using s = stage();
  s.warm.warm();
  const first = s.warm.borrow();
  first.release(false);
  assertEquals(first.pool.size, 0);
  const second = s.warm.borrow();
  assertEquals(second.pool.size, 1);
  await assertWorks(second.pool);
  second.release(true);
  s.warm.close();
});

Deno.test("closed while it is borrowed: it works until it is given back, and no other is started", async () => {
  for (const clean of [true, false]) {
    using s = stage();
    s.warm.warm();
    const { pool, release } = s.warm.borrow();
    s.warm.close();
    await assertWorks(pool);
    release(clean);
    assertEquals(pool.size, 0);
    s.warm.warm();
    const other = s.warm.borrow();
    assert(other.pool.size > 0);
    other.release(true);
    assertEquals(other.pool.size, 0);
  }
});
