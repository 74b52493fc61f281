/**
 * `deno task lab`: an institution of three labs and a server room on this machine.
 *
 * Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
 */

import { parseArgs } from "@std/cli";
import { fromFileUrl, join } from "@std/path";
import { parseSize } from "../src/base/units.ts";
import { withCleanup } from "./bench/cleanup.ts";
import { down, isUp, up, whyNot } from "./lab/build.ts";
import { demonstrate, transferTable } from "./lab/demo.ts";
import { filesOf } from "./lab/files.ts";
import { PREFIX } from "./lab/plan.ts";
import { pcsOf, rateText, SITE } from "./lab/site.ts";

const HELP = `deno task lab COMMAND: three labs and a server room behind routers, on this machine

  up       builds it of network namespaces (root); says how to use it
  demo     plays send, receive, broadcast, client list and fetch on it, and tells each transfer's delay;
           builds it first where it isn't up, and takes it away again then
           --size 4MB  of each file
  down     ends what runs on it, and takes it away
  diagram  writes the diagram, the addressing table and the Cisco configurations anew: scripts/lab

  --prefix NAME  of the namespaces, default ${PREFIX}: for a second one beside the first`;

const FOLDER = fromFileUrl(new URL("./lab/", import.meta.url));
const DIST = fromFileUrl(new URL("../dist/", import.meta.url));

interface Options {
  command: string;
  prefix: string;
  size: number;
}

function readOptions(args: readonly string[]): Options | undefined {
  const parsed = parseArgs(args, { string: ["prefix", "size", "_"], boolean: ["help"] });
  const [command, ...more] = parsed._;
  const prefix = String(parsed["prefix"] ?? PREFIX);
  if (parsed["help"] || command === undefined || more.length > 0 || !/^[a-z0-9-]{1,20}$/.test(prefix)) return;
  return { command: String(command), prefix, size: parseSize(String(parsed["size"] ?? "4MB")) };
}

async function build(prefix: string): Promise<void> {
  const reason = await whyNot();
  if (reason !== undefined) throw new Error(`The institution can't be built: ${reason}`);
  await up(SITE, prefix);
}

async function tellUp(prefix: string): Promise<void> {
  if (await isUp(prefix)) console.log("It was up; it is built anew");
  await build(prefix);
  for (const { name, address, lan } of pcsOf(SITE)) {
    console.log(`${name.padEnd(10)} ${address.padEnd(12)} ${lan.title}, ${rateText(lan.rate)}`);
  }
  console.log(`A shell on a PC: nsenter --net=/run/netns/${prefix}lab1-pc1 -- bash`);
  console.log("Take it away: deno task lab down");
}

/** Compiles what is missing or old. */
async function compile(): Promise<void> {
  const script = fromFileUrl(new URL("./compile.ts", import.meta.url));
  const lock = fromFileUrl(new URL("../deno.lock", import.meta.url));
  const args = ["run", "-A", `--lock=${lock}`, "--frozen", script, "--if-needed"];
  const { success } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).spawn().status;
  if (!success) throw new Error("The executables can't be compiled: see deno task compile");
}

async function demo({ prefix, size }: Options): Promise<number> {
  await compile();
  return await withCleanup(async (cleanup) => {
    if (!await isUp(prefix)) {
      cleanup.add(() => down(prefix));
      await build(prefix);
    }
    const programs = { rs: [join(DIST, "rs")], peer: [join(DIST, "peer")] } as const;
    const say = (line: string) => console.log(line);
    const transfers = await demonstrate({ site: SITE, prefix, programs, size, say });
    console.log(["", ...transferTable(transfers)].join("\n"));
    console.log(
      "\nDelay: from the command to the verified file. Cable alone: what the slowest cable takes for the bytes.",
    );
    return 0;
  });
}

function writeFiles(): void {
  Deno.mkdirSync(join(FOLDER, "cisco"), { recursive: true });
  for (const [name, text] of filesOf(SITE)) Deno.writeTextFileSync(join(FOLDER, name), text);
  console.log(`Written: ${[...filesOf(SITE).keys()].join(", ")} in scripts/lab`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  switch (options?.command) {
    case "up":
      await tellUp(options.prefix);
      return 0;
    case "down":
      await down(options.prefix);
      return 0;
    case "demo":
      return await demo(options);
    case "diagram":
      writeFiles();
      return 0;
    default:
      console.error(HELP);
      return args.includes("--help") ? 0 : 2;
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
