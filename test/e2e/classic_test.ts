/** The course's own programs against the executables: a Python client on bare sockets, and what --classic refuses. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, labTest, sentence } from "./lab.ts";
import type { Lab, Running } from "../../scripts/programs.ts";

const CLIENT = fromFileUrl(new URL("classic_client.py", import.meta.url));

async function pythonReady(): Promise<boolean> {
  try {
    return (await new Deno.Command("python3", { args: ["--version"], stdout: "null", stderr: "null" })
      .output())
      .success;
  } catch (cause) {
    if (!Deno.env.get("LABSWARM_REQUIRE_PYTHON")) return false;
    throw new Error("Cannot find python3, and LABSWARM_REQUIRE_PYTHON is set", { cause });
  }
}
const skip = await pythonReady() ? undefined : "no python3 here";

/** The port that a serve told for the course's own programs. */
async function classicPort(serve: Running): Promise<number> {
  return Number((await serve.event("listening")).classicPort);
}

/** A student's PC with the student's own program on it. */
function student(lab: Lab, pc: string, rs: number, own: number, ...commands: string[]): Running {
  const folder = lab.pc(pc);
  const args = [String(rs), String(own), join(folder, "share"), ...commands];
  return lab.start("peer", pc, args, ["python3", CLIENT], { stdin: "piped", clearEnv: false });
}

async function answers(running: Running): Promise<unknown[]> {
  const { code, lines, stderr } = await running.ended;
  assertEquals(code, 0, stderr);
  return lines.map((line) => line.answer);
}

labTest("a Python client registers, lists, fetches from a peer and from a classmate, leaves", async (lab) => {
  const big = bytesOf(3 * MB, 1);
  put(lab.pc("bob"), "share/big.bin", big);
  put(lab.pc("bob"), "share/rfc0793.txt", "Transmission Control Protocol\n");
  put(lab.pc("carol"), "share/mine.txt", "from carol");
  const { running, address } = await lab.rs("rs", "--classic", "0");
  const bob = await lab.peer("bob", address, "--classic", "0");
  const [rs, bobs] = [await classicPort(running), await classicPort(bob)];
  const carol = student(lab, "carol", rs, 0, "register", "wait");
  await carol.events("answer", 2);

  const first = await answers(student(lab, "ann", rs, 0, "list", "files", String(bobs)));
  const list = JSON.parse(String(first[0]).replace(/^200 OK\n/, ""));
  assertEquals(list.length, 2);
  assert(
    list.some((peer: unknown) => JSON.stringify(peer) === `{"ip":"127.0.0.1","port":${bobs}}`),
    String(first[0]),
  );
  const carols = list.find((peer: { port: number }) => peer.port !== bobs).port;
  assertEquals(first[1], '200 OK\n["big.bin","rfc0793.txt"]');

  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const own = free.addr.port;
  free.close();
  const day = [
    ...["register", "list", "get", String(bobs), "big.bin", "get", String(carols), "mine.txt"],
    ...["get", String(bobs), "../../secret.txt", "text", String(bobs), "GET RFC-Index", "text", String(bobs)],
    ...["GET RFC 793", "leave", "list"],
  ];
  const said = await answers(student(lab, "ann", rs, own, ...day));
  assertEquals(said[0], '{"msg":"200 OK"}');
  assertMatch(String(said[1]), /^200 OK\n\[/);
  assert(!String(said[1]).includes(`"port":${own}`), "the asker isn't in the list");
  assertEquals(said[2], big.length);
  assertFile(join(lab.pc("ann"), "share/big.bin"), big);
  assertFile(join(lab.pc("ann"), "share/mine.txt"), "from carol");
  assertFile(join(lab.pc("ann"), "share/secret.txt"), "404 File Not Found");
  assertMatch(
    String(said[5]),
    /^P2P-DI\/1\.0 200 OK\r\n[^]*\r\n\r\nrfc,name,title,size,ip,port\r\n,big\.bin,,3000000,/,
  );
  assertMatch(String(said[6]), /^P2P-DI\/1\.0 200 OK\r\n[^]*\r\n\r\nTransmission Control Protocol\n$/);
  assertMatch(String(said[7]), /^Left successfully\nDate:/);
  assertEquals(JSON.parse(String(said[8]).replace(/^200 OK\n/, "")).length, 2);

  // Ordinary peers go on as if nobody of that kind were there.
  const peers = assertCode(await lab.run("peer", "bob", ["peers", "--json"]), 0);
  assertEquals(peers.lines, []);
  const database = assertCode(await lab.run("rs", "rs", ["peers", "--json"]), 0);
  assertEquals(
    database.lines.map((line) => [line.active, line.classic]).sort(),
    [
      [false, own],
      [true, bobs],
      [true, carols],
    ].sort(),
  );
  await carol.kill();
}, { skip });

labTest("--classic belongs to open labs, and its port must be free", async (lab) => {
  const closed = await lab.run("rs", "rs", ["serve", "--port", "0", "--classic", "0"]);
  assertCode(closed, 2);
  assertMatch(sentence(closed), /--classic without --open/);
  const joined = assertCode(await lab.run("peer", "pc", ["serve", "--join", "x", "--classic", "0"]), 2);
  assertMatch(sentence(joined), /--classic in a secured lab/);
  using taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const port = String(taken.addr.port);
  const busy = await lab.run("rs", "rs", ["serve", "--open", "--port", "0", "--classic", port]);
  assertCode(busy, 1);
  assertMatch(busy.stderr, /another program has that port/);
  const pc = await lab.run("peer", "pc", ["serve", "--rs", "127.0.0.1:1", "--port", "0", "--classic", port]);
  assertCode(pc, 1);
});

labTest("a peer gives classic clients what it shares and nothing else", async (lab) => {
  put(lab.pc("bob"), "secret.txt", "secret");
  put(lab.pc("bob"), "share/a.txt", "hello");
  Deno.symlinkSync("../secret.txt", join(lab.pc("bob"), "share/link.txt"));
  const { address } = await lab.rs();
  const bob = await lab.peer("bob", address, "--classic", "0", "--index-interval", "86400");
  const port = await classicPort(bob);
  const get = async (file: string) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(JSON.stringify({ msg: "Requesting_files", file })));
    await conn.closeWrite();
    return await new Response(conn.readable).text();
  };
  assertEquals(await get("a.txt"), "hello");
  for (
    const name of [
      "link.txt",
      "../secret.txt",
      "/etc/passwd",
      "..\\secret.txt",
      "share/a.txt",
      "",
      "peer-data/peer.json",
    ]
  ) {
    assertEquals(await get(name), "404 File Not Found", name);
  }
  // A file that becomes a link after it was indexed is still not followed out.
  Deno.removeSync(join(lab.pc("bob"), "share/a.txt"));
  Deno.symlinkSync("../secret.txt", join(lab.pc("bob"), "share/a.txt"));
  assertMatch(await get("a.txt"), /^404 /);
});
