/** A full disk: a small tmpfs mounted below the lab's folder. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { until } from "../../src/base/_patience.ts";
import type { Lab } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, shared } from "./files.ts";
import { assertCode, eventsOf, labTest, sentence } from "./lab.ts";

/** Mounting takes root; elsewhere these tests are skipped. */
const skip = Deno.build.os === "linux" && Deno.uid() === 0 ? undefined : "mounting a tmpfs takes root";

/** Makes a PC whose disk has 30 MB. */
async function withSmallDisk(lab: Lab, pc: string, test: () => Promise<void>): Promise<void> {
  const folder = join(lab.folder, pc);
  Deno.mkdirSync(folder);
  await command("mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", folder);
  try {
    await test();
  } finally {
    await command("umount", "-l", folder);
  }
}

async function command(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args }).output();
  if (!success) throw new Error(`${name} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

labTest("a full disk: one sentence, exit 1; with room again the fetch works", async (lab, t) => {
  const { address } = await lab.rs();
  const bytes = bytesOf(20 * MB, 1);
  put(lab.pc("bob"), "share/big.bin", bytes);
  put(lab.pc("bob"), "share/huge.bin", bytesOf(40 * MB, 2));
  for (let i = 0; i < 600; i++) put(lab.pc("bob"), `share/many/${i}`, bytesOf(10_000, i));
  await lab.peer("bob", address, "--rate", "15MB/s");

  await withSmallDisk(lab, "small", async () => {
    const folder = lab.pc("small");
    const fetch = (...args: string[]) => lab.start("peer", "small", ["fetch", "--rs", address, ...args]);
    const filler = join(folder, "filler");

    await t.step("more than the disk holds isn't begun", async () => {
      const said = sentence(assertCode(await fetch("huge.bin").ended, 1));
      assertMatch(said, /Cannot fetch 40(\.0)? MB.*free/);
      assertEquals(await shared(folder), []);
    });

    await t.step("it fills up in mid-fetch", async () => {
      const fetching = fetch("big.bin", "--json");
      await fetching.event("progress", ({ bytes }) => Number(bytes) > 2 * MB);
      fill(filler);
      const ended = assertCode(await fetching.ended, 1);
      assertEquals(eventsOf(ended, "error").map(({ code }) => code), ["disk_full"]);
      assertMatch(String(eventsOf(ended, "error")[0]?.message), /disk is full/);
      assertEquals(await shared(folder), []);
      Deno.removeSync(filler);
      assertCode(await fetch("big.bin").ended, 0);
      assertFile(join(folder, "share/big.bin"), bytes);
      Deno.removeSync(join(folder, "share/big.bin"));
    });

    await t.step("it fills up while many small files are put in their places", async () => {
      const fetching = fetch("many", "--json");
      await fetching.event("progress");
      fill(filler);
      const ended = assertCode(await fetching.ended, 1);
      assertEquals(eventsOf(ended, "error")[0]?.code, "disk_full");
      for (const name of await shared(folder)) {
        assertFile(join(folder, "share", name), bytesOf(10_000, Number(name.replace("many/", ""))));
      }
      Deno.removeSync(filler);
      assertCode(await fetch("many").ended, 0);
      assertEquals((await shared(folder)).length, 600);
    });
  });
}, { skip });

labTest("a full disk: both doctors say that it is full; nobody joins who can't keep it", async (lab, t) => {
  const { address, code } = await lab.securedRs();
  await withSmallDisk(lab, "small", async () => {
    const folder = lab.pc("small");
    const server = lab.start("rs", "small", [
      "serve",
      "--open",
      "--port",
      "0",
      "--no-http",
      "--no-discovery",
      "--json",
    ]);
    await server.event("listening");
    fill(join(folder, "filler"));

    await t.step("peer doctor", async () => {
      const ended = assertCode(await lab.run("peer", "small", ["doctor", "--rs", address, "--json"]), 1);
      const wrong = eventsOf(ended, "check").filter(({ health }) => health === "fault");
      assertEquals(wrong.slice(0, 2).map(({ check }) => check), ["share", "data folder"]);
      for (const { seen, advice } of wrong.slice(0, 2)) {
        assertMatch(String(seen), /the disk is full/);
        assertMatch(String(advice), /^The disk is full: make room/);
      }
      assertEquals(await shared(folder), []);
    });
    await t.step("rs doctor", async () => {
      const { stdout } = assertCode(await lab.run("rs", "small", ["doctor"]), 1);
      assertMatch(stdout, /^free space is wrong: .*rs-data\n +The disk is full: make room/);
    });
    await t.step("peer serve --join", async () => {
      const args = ["serve", "--rs", address, "--join", code, "--port", "0"];
      assertMatch(sentence(assertCode(await lab.run("peer", "small", args), 1)), /the disk is full/);
      const members = eventsOf(assertCode(await lab.run("rs", "rs", ["members", "--json"]), 0), "member");
      assertEquals(members, []);
    });
  });
}, { skip });

labTest("a full disk of the registration server: /readyz says so until there is room", async (lab) => {
  await withSmallDisk(lab, "small", async () => {
    const { running, address } = await lab.rs("small", "--http-port", "0");
    const { httpPort } = await running.event("listening");
    const ready = async () => {
      const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
      return `${answer.status} ${await answer.text()}`;
    };
    assertEquals(await ready(), "200 ready\n");
    const filler = join(lab.pc("small"), "filler");
    fill(filler);
    const peer = lab.start("peer", "bob", ["serve", "--rs", address, "--port", "0", "--json"]);
    await until("503", async () => /^503 Cannot write rs\.sqlite: .*full/.test(await ready()));
    Deno.removeSync(filler);
    await until("200", async () => await ready() === "200 ready\n");
    await peer.event("registered");
  });
}, { skip });

/** Takes all room that is left. */
function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(256 * 1024);
  for (let size = block.length; size >= 1;) {
    try {
      if (file.writeSync(block.subarray(0, size)) < size) size >>= 1;
    } catch {
      size >>= 1;
    }
  }
}
