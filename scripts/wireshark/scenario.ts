/** A small lab's day, for the sample capture and for the test that counts its messages: everything that the commands do. */

import { join } from "@std/path";
import type { Ended, Lab } from "../programs.ts";

const DEBUG = ["--log-level", "debug"];

/** Bytes that look like text and are the same each time. */
function text(bytes: number): string {
  const line = "The quick brown fox jumps over the lazy dog, and the network carries it.\n";
  return line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
}

/** Plays it; all programs have ended when it's over. */
export async function play(lab: Lab): Promise<void> {
  const put = (pc: string, name: string, bytes: number) => {
    const path = join(lab.pc(pc), "share", name);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeTextFileSync(path, text(bytes));
  };
  put("anna", "rfc1149.txt", 8_000);
  put("anna", "notes/monday.txt", 500);
  put("anna", "notes/tuesday.txt", 700);
  put("ben", "report.txt", 3_000);
  put("cleo", "lesson.txt", 20_000);

  const { running: rs, address } = await lab.rs("server", ...DEBUG);
  const [anna, ben, cleo] = [
    await lab.peer("anna", address, ...DEBUG),
    await lab.peer("ben", address, ...DEBUG),
    await lab.peer("cleo", address, ...DEBUG),
  ];
  const run = async (pc: string, ...args: string[]) => need(await lab.run("peer", pc, [...args, ...DEBUG]));
  await run("ben", "peers");
  await run("ben", "index", "rfc");
  await run("ben", "fetch", "rfc1149.txt", "notes");
  const missing = await lab.run("peer", "ben", ["fetch", "nowhere.txt", ...DEBUG]);
  if (missing.code !== 1) throw new Error(`fetching what nobody has: exit code ${missing.code}`);
  await run("ben", "send", "share/report.txt", "--to", "rs");
  await run("ben", "send", "share/report.txt", "--to", "anna");
  await run("cleo", "broadcast", "share/lesson.txt");
  for (const [pc, serve] of [["anna", anna], ["ben", ben], ["cleo", cleo]] as const) {
    await run(pc, "leave");
    await serve.ended;
  }
  rs.signal("SIGTERM");
  await rs.ended;
}

function need(ended: Ended): void {
  if (ended.code !== 0) throw new Error(`exit code ${ended.code}: ${ended.stdout}${ended.stderr}`);
}
