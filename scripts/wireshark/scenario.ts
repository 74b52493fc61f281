/** A small lab's day, for the sample capture and for the test that counts its messages: everything that the commands do. */

import { join } from "@std/path";
import type { Ended, Lab, Running } from "../programs.ts";

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
  // Large enough for its receivers to say by Credit what has come.
  put("cleo", "lesson.txt", 200_000);

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
  const runRs = (...args: string[]) => lab.run("rs", "server", [...args, ...DEBUG]).then(need);
  const { lines } = await runRs("broadcasts", "--all", "--json");
  const { id } = lines.find(({ event }) => event === "broadcast") as unknown as { id: string };
  await runRs("broadcast", "--retry-failed", id);
  await runRs("broadcasts", "--withdraw", id);
  for (const [pc, serve] of [["anna", anna], ["ben", ben], ["cleo", cleo]] as const) {
    await run(pc, "leave");
    await serve.ended;
  }
  rs.signal("SIGTERM");
  await rs.ended;
}

/**
 * Plays a day of a secured lab in which every message is said, but those that only a parent which falls behind leads to:
 * members join, doctors look around, a large file is broadcast while it is hashed, many small ones in pages of an offer,
 * some are tried again, one is withdrawn, somebody is put out.
 */
export async function playSecured(lab: Lab): Promise<void> {
  const put = (pc: string, name: string, bytes: number) => {
    const path = join(lab.pc(pc), "share", name);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeTextFileSync(path, text(bytes));
  };
  put("anna", "notes.txt", 5_000);
  put("server", "image.txt", 6_000_000);
  // So long names that an offer of them doesn't fit into one message.
  const folder = `many/${"long-".repeat(40)}/${"name-".repeat(40)}`;
  for (let i = 0; i < 2_600; i++) put("server", `${folder}/file-${i}.txt`, 1);

  const rs = lab.start("rs", "server", ["serve", "--json", "--no-discovery", "--port", "0", "--ttl", "6"]);
  const { port } = await rs.event("listening") as unknown as { port: number };
  const { code } = await rs.event("invite") as unknown as { code: string };
  const address = `127.0.0.1:${port}`;
  const names = ["anna", "ben", "cleo"];
  const serves = new Map<string, Running>();
  // One sends so slowly that a doctor doesn't wait for all its bytes.
  const slow = ["--rate", "2MB/s"];
  for (const name of names) {
    serves.set(name, await lab.peer(name, address, "--join", code, ...name === "cleo" ? slow : []));
  }
  const runPeer = async (pc: string, ...args: string[]) => need(await lab.run("peer", pc, args));
  const runRs = async (...args: string[]) => need(await lab.run("rs", "server", args));
  await runPeer("ben", "peers");
  await runPeer("ben", "index", "notes");
  await runPeer("ben", "fetch", "notes.txt");
  // There is no card but loopback here, and doctor says so.
  const doctor = await lab.run("peer", "ben", ["doctor"]);
  if (!/to anna +ok/.test(doctor.stdout)) throw new Error(`doctor: ${doctor.stdout}${doctor.stderr}`);
  await runPeer("ben", "send", "share/notes.txt", "--to", "cleo");
  await runRs("broadcast", "share/image.txt");
  await runRs("broadcast", "share/many");
  const listed = await lab.run("rs", "server", ["broadcasts", "--all", "--json"]);
  const { id } = listed.lines.find(({ event }) => event === "broadcast") as unknown as { id: string };
  await runRs("broadcast", "--retry-failed", id);
  await runRs("broadcasts", "--withdraw", id);
  const nobody = await lab.run("peer", "ben", ["broadcast", "share/notes.txt"]);
  if (nobody.code !== 4) throw new Error(`a member's broadcast: exit code ${nobody.code}`);
  await runRs("revoke", "cleo");
  for (const pc of ["anna", "ben"]) {
    await runPeer(pc, "leave");
    await serves.get(pc)!.ended;
  }
  // Who is put out is told so, and ends.
  await serves.get("cleo")!.ended;
  rs.signal("SIGTERM");
  await rs.ended;
}

function need(ended: Ended): Ended {
  if (ended.code !== 0) throw new Error(`exit code ${ended.code}: ${ended.stdout}${ended.stderr}`);
  return ended;
}
