import { assert, assertEquals, assertThrows } from "@std/assert";
import { bakedArgument, compileArguments, fileName, permissions, readOptions, UsageError } from "./plan.ts";

Deno.test("the sandbox is exactly what the design says", () => {
  const common = [
    "--allow-net",
    "--allow-sys=hostname,networkInterfaces,statfs",
    "--allow-env=TERM,NO_COLOR",
  ];
  const rest = ["--deny-run", "--deny-ffi", "--unstable-worker-options", "--unstable-net"];
  assertEquals(permissions("rs", {}), [
    ...common,
    "--ignore-env",
    "--allow-read=./share,./rs-data",
    "--allow-write=./share,./rs-data",
    ...rest,
  ]);
  assert(permissions("peer", {}).includes("--allow-write=./share,./peer-data"));
});

Deno.test("other folders go into the flags and into the first argument", () => {
  const folders = { share: "D:\\my, share" };
  assert(permissions("peer", folders).includes("--allow-read=D:\\my,, share,./peer-data"));
  assertEquals(bakedArgument("peer", folders), ['@baked={"share":"D:\\\\my, share","data":"./peer-data"}']);
  assertEquals(bakedArgument("peer", {}), []);
});

Deno.test("the command line is read, and wrong ones refused", () => {
  assertEquals(readOptions([]).programs, ["rs", "peer"]);
  assertEquals(readOptions(["--target", "windows"]).system, "windows");
  assertEquals(readOptions(["--target=x86_64-pc-windows-msvc"]).system, "windows");
  assertEquals(readOptions(["--only", "rs"]).programs, ["rs"]);
  for (
    const wrong of [["--target", "mars"], ["--only", "x"], ["--what"], ["file"], ["--share", ""], [
      "--runtime",
      "x",
    ]]
  ) {
    assertThrows(() => readOptions(wrong), UsageError, undefined, wrong.join(" "));
  }
});

Deno.test("no questions are switched off, and the lock file is held to", () => {
  const options = readOptions(["--data", "d"]);
  const paths = { workers: ["src/w.ts"], output: "dist/rs.exe", lock: "x/rs.lock" };
  const args = compileArguments("rs", "windows", options, paths);
  assert(args.includes("--lock=x/rs.lock"));
  assert(!args.includes("--no-prompt") && args.includes("--frozen") && args.includes("--include=src/w.ts"));
  assertEquals(args.slice(-2), ["src/cli/rs.ts", '@baked={"share":"./share","data":"d"}']);
  assertEquals([fileName("rs", "windows"), fileName("peer", "linux")], ["rs.exe", "peer"]);
});
