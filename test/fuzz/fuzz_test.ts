/** Every crasher again, then a short run of each target, always the same one; `deno task fuzz` goes on from there. */

import { assert, assertEquals } from "@std/assert";
import { utf8 } from "../../src/base/bytes.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Fuzzer, type Target } from "./engine.ts";
import { mutateBytes, mutateJson } from "./mutate.ts";
import { allTargets, crashersOf } from "./targets.ts";

/** Inputs of each target; all of them together take a few seconds. */
const INPUTS = 300;
const SEED = 20261122;

const targets = await allTargets();

for (const target of targets) {
  Deno.test(`fuzz ${target.name}`, async () => {
    for (const { input } of crashersOf(target)) await target.run(input);
    const { crashers } = await new Fuzzer(target, SEED).run((inputs) => inputs >= INPUTS);
    const [crasher] = crashers;
    if (crasher) {
      throw new Error(`An input broke a rule: ${crasher.input.toHex()}`, { cause: crasher.thrown });
    }
  });
}

Deno.test("targets have names of their own, and crashers belong to one", () => {
  const names = targets.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const files = [...Deno.readDirSync(new URL("../vectors/crashers/", import.meta.url))].map(({ name }) =>
    name
  );
  for (const file of files) assert(file === "README.md" || names.includes(file.split(".")[0]!), file);
});

/** Fails on inputs that only changing a good one twice, or its structure, leads to. */
function sore(run: Target["run"]): Target {
  return { name: "sore", isJson: true, seeds: () => [utf8('{"magic":"P2DM","size":1,"list":[1]}')], run };
}

Deno.test("the fuzzer finds what is behind a check, the same with the same seed", async () => {
  const target = sore((input) => {
    const { magic, size, list } = JSON.parse(new TextDecoder().decode(input)) ?? {};
    if (magic !== "P2DM") return "magic";
    if (!(size > 2 ** 40)) return "size";
    if (Array.isArray(list) && list.length > 1) throw new Error("found");
    return "list";
  });
  const careful = sore((input) => {
    try {
      return target.run(input);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return "syntax";
      throw thrown;
    }
  });
  const find = () => new Fuzzer(careful, 1).run((inputs) => inputs > 20_000);
  const [one, two] = [await find(), await find()];
  assertEquals(String(one.crashers[0]?.thrown), "Error: found");
  assertEquals(one.crashers[0]?.input, two.crashers[0]?.input);
  assertEquals(one.inputs, two.inputs);
});

Deno.test("mutations keep to the length, and to JSON", () => {
  const random = seededRandom(3);
  let bytes = utf8('{"a":[1,"x"]}');
  let value: unknown = { a: [1, "x"] };
  for (let i = 0; i < 2_000; i++) {
    bytes = mutateBytes(bytes, bytes, random, 100);
    assert(bytes.length <= 100);
    value = mutateJson(value, random);
    const text = JSON.stringify(value);
    if (text.length > 10_000) value = { a: [1, "x"] };
  }
});
