/** The loopback control port: who may give commands, and what becomes of them. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { codeOf, LabError } from "../base/errors.ts";
import { TempFolder } from "../storage/_testing.ts";
import { contextOf, fastClock } from "./_testing.ts";
import {
  connectControl,
  type ControlClient,
  type ControlCommand,
  openControl,
  servedAddress,
  servedHere,
  servedRate,
} from "./control.ts";
import { lockDataFolder } from "./data_folder.ts";

/** A serve's control port, and a client of it. */
async function world(commands: Record<string, ControlCommand>) {
  const temp = new TempFolder();
  const context = contextOf(fastClock(1));
  const serves = { host: "0.0.0.0", port: 23476 };
  const server = await openControl({ data: temp.path, role: "peer", serves, context, commands });
  const clients: ControlClient[] = [];
  return {
    temp,
    context,
    server,
    async connect() {
      const client = await connectControl(temp.path, "peer", context);
      assert(client);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server.close();
      // The accepting ends see the close.
      await new Promise((resolve) => setTimeout(resolve));
      temp[Symbol.dispose]();
    },
  };
}

const nobody: Record<string, ControlCommand> = {
  status: (_, tell) => Promise.resolve(tell({ event: "status" })),
};

Deno.test("a command's lines come in order, then its end", async () => {
  await using w = await world({
    count: (args, tell) => {
      for (let i = 0; i < Number(args.to); i++) tell({ i, path: "x".repeat(250) });
      return Promise.resolve();
    },
  });
  const client = await w.connect();
  const lines: unknown[] = [];
  // As many at once as a fetch of files that are all there already, 10 MB of them.
  await client.run("count", { to: 40_000 }, (line) => lines.push(line.i));
  assertEquals(lines, Array.from({ length: 40_000 }, (_, i) => i));
});

Deno.test("what a command throws arrives with its code", async () => {
  await using w = await world({ fail: () => Promise.reject(new LabError("disk_full", "no room")) });
  const client = await w.connect();
  const thrown = await assertRejects(() => client.run("fail", {}, () => {}));
  assertEquals([codeOf(thrown), (thrown as Error).message], ["disk_full", "no room"]);
});

Deno.test("an unknown command, also one that every object has, is refused", async () => {
  await using w = await world(nobody);
  const client = await w.connect();
  for (const command of ["nothing", "toString", "__proto__", ""]) {
    assertEquals(codeOf(await assertRejects(() => client.run(command, {}, () => {}))), "unsupported");
  }
});

Deno.test("a wrong token is not permitted, whatever the command", async () => {
  await using w = await world(nobody);
  const path = w.temp.at("control.json");
  const control = JSON.parse(Deno.readTextFileSync(path));
  assertMatch(control.token, /^[0-9a-f]{32}$/);
  for (const token of ["", "0".repeat(32), control.token.slice(1), `${control.token}0`]) {
    Deno.writeTextFileSync(path, JSON.stringify({ ...control, token }));
    const client = await w.connect();
    // Twice: the connection stays.
    for (const command of ["status", "nothing"]) {
      const thrown = await assertRejects(() => client.run(command, {}, () => {}), LabError, "start it again");
      assertEquals(codeOf(thrown), "not_permitted");
    }
  }
});

Deno.test("the token is for its owner's eyes only, and goes with the serve", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const w = await world(nobody);
  assertEquals((Deno.statSync(w.temp.at("control.json")).mode ?? 0) & 0o777, 0o600);
  await w.server.close();
  assertEquals(w.temp.list(), []);
  await w[Symbol.asyncDispose]();
});

Deno.test("the file of a serve that was killed leads nowhere, and tells where it served", async () => {
  const temp = new TempFolder();
  const context = contextOf();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const file = { port, token: "x", role: "peer", serves: { host: "0.0.0.0", port: 4711 } };
  temp.file("control.json", JSON.stringify(file));
  assertEquals(await connectControl(temp.path, "peer", context), undefined);
  assertEquals(await servedHere(temp.path, "peer", context), false);
  assertEquals(await servedAddress(temp.path, "peer"), { host: "127.0.0.1", port: 4711 });
  temp.file("control.json", JSON.stringify({ ...file, serves: { ...file.serves, rate: 5e6 } }));
  assertEquals(await servedRate(temp.path), Infinity);
  const lock = lockDataFolder(temp.path, "peer");
  assertEquals(await servedRate(temp.path), 5e6);
  temp.file("control.json", JSON.stringify(file));
  assertEquals(await servedRate(temp.path), Infinity);
  lock.release();
  temp[Symbol.dispose]();
});

Deno.test("a serve that hangs is no serve that isn't there", async () => {
  using temp = new TempFolder();
  // Takes connections, and says nothing.
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = mute.addr;
  const serves = { host: "0.0.0.0", port: 23476 };
  temp.file("control.json", JSON.stringify({ port, token: "t", role: "rs", serves }));
  const context = contextOf(fastClock(20));
  // Its port is somebody else's now.
  assertEquals(await connectControl(temp.path, "rs", context), undefined);
  const lock = lockDataFolder(temp.path, "rs");
  const thrown = await assertRejects(() => connectControl(temp.path, "rs", context));
  lock.release();
  assertEquals(codeOf(thrown), "unreachable");
  assertMatch(String(thrown), /rs serve on .* does not answer/);
});

Deno.test("a damaged file, another role, and no file are no serve", async () => {
  await using w = await world(nobody);
  assertEquals(await connectControl(w.temp.path, "rs", w.context), undefined);
  assertEquals(await servedHere(w.temp.path, "peer", w.context), true);
  assertEquals(await servedAddress(w.temp.path, "rs"), undefined);
  for (const text of ["", "{", "[]", '{"port":"1"}']) {
    w.temp.file("control.json", text);
    assertEquals(await connectControl(w.temp.path, "peer", w.context), undefined);
  }
  assertEquals(await connectControl(w.temp.at("none"), "peer", w.context), undefined);
});

Deno.test("a command ends when its caller cancels or goes away", async () => {
  for (const how of ["cancel", "close"] as const) {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await using w = await world({
      wait: (_, __, signal) => {
        begin();
        signal.addEventListener("abort", () => end());
        return ended;
      },
    });
    const client = await w.connect();
    const stop = new AbortController();
    const running = assertRejects(() => client.run("wait", {}, () => {}, stop.signal));
    await begun;
    if (how === "cancel") stop.abort();
    else client.close();
    await ended;
    assertEquals(codeOf(await running), how === "cancel" ? "interrupted" : "unreachable");
  }
});

Deno.test("a command that the end of the serve ends says why, and the serve waits for that; not for one that goes on", async () => {
  const put = new LabError("not_permitted", "its membership was revoked");
  const ending = new AbortController();
  await using w = await world({
    fetch: async () => {
      await new Promise((resolve) => ending.signal.addEventListener("abort", resolve));
      // Its part files are closed before it ends.
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve));
      throw put;
    },
    stuck: () => new Promise(() => {}),
  });
  const client = await w.connect();
  const ends = ["fetch", "stuck"].map((name) => assertRejects(() => client.run(name, {}, () => {})));
  await assertRejects(() => client.run("nothing", {}, () => {}));
  ending.abort();
  await w.server.close();
  assertEquals((await Promise.all(ends)).map(codeOf), ["not_permitted", "unreachable"]);
});

Deno.test("a caller that has given up already gives no command", async () => {
  let ran = 0;
  await using w = await world({
    wait: (_, __, signal) => {
      ran++;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  const client = await w.connect();
  const thrown = await assertRejects(() => client.run("wait", {}, () => {}, AbortSignal.abort()));
  assertEquals([codeOf(thrown), ran], ["interrupted", 0]);
});

Deno.test("when the serve ends in the middle of a command the caller learns it", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using w = await world({ wait: () => (begin(), new Promise(() => {})) });
  const client = await w.connect();
  const running = assertRejects(() => client.run("wait", {}, () => {}));
  await begun;
  await w.server.close();
  const thrown = await running;
  assertEquals(codeOf(thrown), "unreachable");
  assertMatch(String(thrown), /peer serve on .* ended .* start it again/);
});
