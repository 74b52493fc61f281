import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cleanup } from "./cleanup.ts";
import { keepFreeMemory } from "./lent_memory.ts";

Deno.test("what is free is kept until the end of a bench, and then as before", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "page_reporting_order");
    await Deno.writeTextFile(file, "9\n");
    const cleanup = new Cleanup();
    keepFreeMemory(cleanup, file);
    assertEquals(await Deno.readTextFile(file), "11");
    await cleanup.run();
    assertEquals(await Deno.readTextFile(file), "9\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a system that can't be told to keep what is free is left alone", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const cleanup = new Cleanup();
    keepFreeMemory(cleanup, join(folder, "no", "such", "file"));
    await cleanup.run();
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
