/** Classic clients at a whole registration server, beside ordinary peers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { LIMITS } from "../base/limits.ts";
import { announce, index, Lab, peers, register, row } from "./_testing.ts";

/** Asks once, and gives all that is answered. */
async function ask(lab: Lab, request: Record<string, unknown> | string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: lab.server.classicPort! });
  try {
    await conn.write(
      new TextEncoder().encode(typeof request === "string" ? request : JSON.stringify(request)),
    );
    await conn.closeWrite();
    let text = "";
    const buffer = new Uint8Array(65536);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      text += new TextDecoder().decode(buffer.subarray(0, n));
    }
    return text;
  } finally {
    conn.close();
  }
}

const client = (msg: string, Portnumber: number) => ({ msg, Hostname: `pc${Portnumber}`, Portnumber });
const joins = (lab: Lab, port: number) => ask(lab, client("Register_to_RS", port));
const lists = (lab: Lab, port: number) => ask(lab, client("Active_peer", port));

Deno.test("classic clients register, see each other, leave", async () => {
  await using lab = await Lab.start({ classic: 0 });
  assertEquals(await joins(lab, 4001), '{"msg":"200 OK"}');
  assertEquals(await lists(lab, 4001), "404 No Active Peer");
  assertEquals(await joins(lab, 4002), '{"msg":"200 OK"}');
  assertEquals(await joins(lab, 4002), '{"msg":"200 OK"}');
  assertEquals(await lists(lab, 4001), '200 OK\n[{"ip":"127.0.0.1","port":4002}]');
  assertEquals(
    await lists(lab, 5000),
    '200 OK\n[{"ip":"127.0.0.1","port":4001},{"ip":"127.0.0.1","port":4002}]',
  );
  assertMatch(await ask(lab, client("Leave_the_server", 4002)), /^Left successfully\nDate:Thu, 01 Jan 2026 /);
  assertEquals(await ask(lab, client("Leave_the_server", 4002)), "404 Not Registered");
  assertEquals(await lists(lab, 4001), "404 No Active Peer");
  assert(
    lab.log.lines.includes("info Register  pc4001 (127.0.0.1:4001) joined (classic)"),
    lab.log.lines.join("\n"),
  );
});

Deno.test("their records are like others', in the database only", async () => {
  await using lab = await Lab.start({ classic: 0 });
  await joins(lab, 4001);
  const tool = await lab.dial("tool");
  assertEquals([await peers(tool), await peers(tool, { all: true })], [[], []]);
  const { peers: [record] } = await tool.request({ kind: "PQuery", classic: true }, "Peers");
  assertEquals(
    [record?.name, record?.port, record?.classic, record?.active, record?.ttl, record?.registrations30d],
    ["pc4001", 4001, 4001, true, 7200, 1],
  );
});

Deno.test("a TTL that runs out; KeepAlive and PQuery renew it", async () => {
  await using lab = await Lab.start({ classic: 0, ttlSeconds: 100 });
  for (const port of [4001, 4002, 4003]) await joins(lab, port);
  lab.clock.advance(60_000);
  assertEquals(await ask(lab, client("Keep_alive", 4001)), '{"msg":"200 OK"}');
  await lists(lab, 4002);
  lab.clock.advance(60_000);
  assertEquals(await ask(lab, client("Keep_alive", 4003)), "404 Not Registered");
  assertEquals(
    await lists(lab, 5000),
    '200 OK\n[{"ip":"127.0.0.1","port":4001},{"ip":"127.0.0.1","port":4002}]',
  );
  await joins(lab, 4003);
  assertMatch(await lists(lab, 5000), /4003/);
  assert(lab.log.lines.some((line) => /pc4003 .* came back \(classic\)/.test(line)));
});

Deno.test("the assignment's text form, with a cookie", async () => {
  await using lab = await Lab.start({ classic: 0 });
  const text = (line: string, ...headers: string[]) =>
    ask(lab, [`${line} P2P-DI/1.0`, "OS: Linux", ...headers, "", ""].join("\r\n"));
  const registered = await text("Register", "Host: pc7", "Port: 4007");
  assertMatch(registered, /^P2P-DI\/1\.0 200 OK\r\nHost: rs\r\n/);
  const cookie = /^Cookie: (\w{32})\r$/m.exec(registered)![1]!;
  assertMatch(registered, /^TTL: 7200\r$/m);
  await joins(lab, 4008);
  assertMatch(await text("PQuery", `Cookie: ${cookie}`), /\r\n\r\n127\.0\.0\.1 4008 pc4008\r\n$/);
  assertMatch(await text("KeepAlive", `Cookie: ${cookie}`), /^P2P-DI\/1\.0 200 OK\r\n[^]*^TTL: 7200\r$/m);
  const moved = await text("Register", "Host: pc7", "Port: 4017", `Cookie: ${cookie}`);
  assertMatch(moved, new RegExp(`Cookie: ${cookie}`));
  assertMatch(await text("Leave", `Cookie: ${cookie}`), /^P2P-DI\/1\.0 200 OK\r\n/);
  assertMatch(await text("Leave", `Cookie: ${cookie}`), /^P2P-DI\/1\.0 404 Not Found\r\n/);
});

Deno.test("an ordinary peer can't be touched from here", async () => {
  await using lab = await Lab.start({ classic: 0 });
  const pc7 = await lab.join("pc7", undefined, 4007);
  const cookie = `Cookie: ${pc7.cookie}`;
  assertMatch(await ask(lab, `Leave P2P-DI/1.0\r\n${cookie}\r\n\r\n`), /404 Not Found/);
  assertEquals(await ask(lab, client("Leave_the_server", 4007)), "404 Not Registered");
  await ask(lab, `Register P2P-DI/1.0\r\nHost: evil\r\nPort: 4009\r\n${cookie}\r\n\r\n`);
  assertEquals(await peers(pc7.link), ["pc7"]);
  assertEquals(await lists(lab, 4010), '200 OK\n[{"ip":"127.0.0.1","port":4009}]');
});

Deno.test("peers that answer them are told, and what those have", async () => {
  await using lab = await Lab.start({ classic: 0 });
  const link = await lab.dial("peer", "pc7");
  const pc7 = {
    link,
    ...await link.request(
      { kind: "Register", name: "pc7", host: "PC7", port: 4007, classic: 4107 },
      "Registered",
    ),
  };
  const pc8 = await lab.join("pc8", undefined, 4008);
  await announce(pc7, [row("rfc0793.txt", { title: "TCP" }), row("a b.txt")]);
  await announce(pc8, [row("hidden.txt")]);
  assertEquals(await lists(lab, 5000), '200 OK\n[{"ip":"127.0.0.1","port":4107}]');
  assertEquals(await ask(lab, { msg: "listoffiles" }), '200 OK\n["a b.txt","rfc0793.txt"]');
  const table = await ask(lab, "GET RFC-Index P2P-DI/1.0\r\nHost: x\r\nOS: y\r\n\r\n");
  assert(
    table.endsWith(
      "\r\n\r\nrfc,name,title,size,ip,port\r\n" +
        ",a b.txt,,5,127.0.0.1,4107\r\n793,rfc0793.txt,TCP,5,127.0.0.1,4107\r\n",
    ),
    table,
  );
  assertMatch(
    await ask(lab, "GET RFC 793 P2P-DI/1.0\r\n\r\n"),
    /^P2P-DI\/1\.0 303 See Other[^]*Peer: 127\.0\.0\.1:4107\r/,
  );
  assertMatch(await ask(lab, { msg: "Requesting_files", file: "a b.txt" }), /^404 File Not Found\n\[/);
  assertEquals(await ask(lab, { msg: "Requesting_files", file: "hidden.txt" }), "404 File Not Found");
  assertEquals((await index(link)).lines.length, 3);
});

Deno.test("one address gets so many registrations and no more; those that left count no longer", async () => {
  await using lab = await Lab.start({ classic: 0 });
  for (let i = 0; i < LIMITS.classicPerAddress; i++) await joins(lab, 4000 + i);
  assertMatch(await joins(lab, 6000), /^503 64 programs are registered from 127\.0\.0\.1/);
  assertEquals(await joins(lab, 4000), '{"msg":"200 OK"}');
  await ask(lab, client("Leave_the_server", 4001));
  assertEquals(await joins(lab, 6000), '{"msg":"200 OK"}');
});

Deno.test("a cookie of theirs becomes an ordinary peer's when it comes as one", async () => {
  await using lab = await Lab.start({ classic: 0 });
  const registered = await ask(lab, "Register P2P-DI/1.0\r\nHost: pc7\r\nPort: 4007\r\n\r\n");
  const link = await lab.dial("peer", "pc7");
  await register(link, "pc7", /Cookie: (\w+)/.exec(registered)![1]!, 4107);
  assertEquals(await peers(link), ["pc7"]);
  assertEquals(await lists(lab, 5000), "404 No Active Peer");
});
