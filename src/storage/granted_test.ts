/** What is asked of the runtime, which keeps each path for ever; and that a folder's grant isn't taken for more than it is. */

import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { codeOf } from "../base/errors.ts";
import { TempFolder } from "./_testing.ts";
import { isGranted } from "./granted.ts";
import { hashFile } from "./hashing.ts";
import { tryLock } from "./lock.ts";
import { Root } from "./root.ts";

/** The runtime's answers when one folder has been granted, and what it was asked. */
function granting(folder: string): { asked: Set<string>; [Symbol.dispose](): void } {
  const asked = new Set<string>();
  const { permissions } = Deno;
  const querySync = ({ name, path }: Deno.ReadPermissionDescriptor | Deno.WritePermissionDescriptor) => {
    asked.add(`${name} ${path}`);
    const isInside = path === folder || String(path).startsWith(`${folder}/`);
    return { state: isInside ? "granted" : "prompt", partial: false };
  };
  Object.defineProperty(permissions, "querySync", { value: querySync, configurable: true });
  return { asked, [Symbol.dispose]: () => Reflect.deleteProperty(permissions, "querySync") };
}

Deno.test("a thousand files and locks of one folder are no more paths to the runtime than one", async () => {
  using temp = new TempFolder();
  const folder = temp.folder("share");
  using runtime = granting(folder);
  const root = Root.open(folder, "write");
  const use = async (name: string) => {
    const path = temp.file(`share/${name}`, "x");
    await hashFile(path, 1, 100, new Uint8Array(100));
    tryLock(root.ownPath(`${name}.lock`))!.release();
  };
  await use("first");
  const { size } = runtime.asked;
  for (let n = 0; n < 1000; n++) await use(`file ${n}`);
  assertEquals(runtime.asked.size, size);
});

Deno.test("what lies outside the granted folder, or beside it under a like name, isn't granted", () => {
  using temp = new TempFolder();
  const folder = temp.folder("share");
  using _ = granting(folder);
  assert(isGranted("read", folder));
  assert(isGranted("write", join(folder, "a", "b")));
  for (const path of [temp.path, `${folder}-2`, join(`${folder}-2`, "a"), "/", `${folder}/../x`]) {
    assertEquals(isGranted("read", path), false, path);
    try {
      Root.open(path, "read");
      throw new Error(`${path} was opened`);
    } catch (thrown) {
      assertEquals(codeOf(thrown), "not_permitted");
    }
  }
});

Deno.test("the runtime itself: a folder of which a part is denied, and a file that alone is granted", async () => {
  using temp = new TempFolder();
  const folder = temp.folder("share");
  const script = temp.file(
    "ask.ts",
    `import { isGranted } from ${JSON.stringify(import.meta.resolve("./granted.ts"))};
     console.log(JSON.stringify(Deno.args.map((path) => isGranted("read", path))));`,
  );
  const ask = ["", "open", "secret", "secret/a"].map((name) => join(folder, name).replace(/\/$/, ""));
  const alone = temp.at("alone");
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--frozen"],
      `--config=${join(dirname(fromFileUrl(import.meta.url)), "..", "..", "deno.json")}`,
      `--lock=${join(dirname(fromFileUrl(import.meta.url)), "..", "..", "deno.lock")}`,
      `--allow-read=${folder},${alone}`,
      `--deny-read=${join(folder, "secret")}`,
      ...[script, ...ask, alone, temp.at("beside")],
    ],
  }).output();
  const said = new TextDecoder().decode(stdout);
  assertEquals(said.trim(), "[true,true,false,false,true,false]", new TextDecoder().decode(stderr));
});
