import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LIMITS } from "../base/limits.ts";
import { silentLogger } from "../base/log.ts";
import { FakeLab, file, KEY } from "./_testing.ts";
import { answer } from "./http.ts";

const HERE = "127.0.0.1";
const FAR = "10.0.0.99";
const HOST = "127.0.0.1:23480";
const LAN = "10.0.0.1:23480";

interface Asked {
  host?: string;
  remote?: string;
  body?: unknown;
  headers?: Record<string, string>;
  method?: string;
}

/** Asks as our own page does, unless told otherwise. */
async function ask(site: ReturnType<FakeLab["site"]>, path: string, asked: Asked = {}): Promise<Response> {
  const { host = HOST, remote = HERE, body } = asked;
  const own = body === undefined ? {} : { origin: `http://${host}`, "content-type": "application/json" };
  const headers = Object.fromEntries(
    Object.entries({ host, "sec-fetch-site": "same-origin", ...own, ...asked.headers }).filter(([, value]) =>
      value !== "-"
    ),
  );
  const request = new Request(`http://x${path}`, {
    method: asked.method ?? (body === undefined ? "GET" : "POST"),
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  // A Request of its own drops Host, which a server's keeps.
  const seen = new Proxy(request, {
    get: (target, key) => {
      if (key === "headers") return { get: (name: string) => headers[name] ?? null };
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return await answer(site, seen, remote);
}

async function status(...args: Parameters<typeof ask>): Promise<number> {
  const response = await ask(...args);
  await response.body?.cancel();
  return response.status;
}

const ORDER = { id: "b1" };

Deno.test("at this machine everything is allowed, and nothing may be loaded from elsewhere", async () => {
  const lab = new FakeLab();
  const site = lab.site();
  const page = await ask(site, "/");
  assertEquals(await page.text(), "<p>page");
  const policy = page.headers.get("content-security-policy")!;
  assertMatch(policy, /default-src 'none'/);
  assertMatch(policy, /frame-ancestors 'none'/);
  assert(!/unsafe|https?:|\*/.test(policy), policy);
  assertEquals(await status(site, "/api/retry", { body: ORDER }), 200);
  assertEquals(await status(site, "/api/retry", { body: ORDER, host: "localhost:23480" }), 200);
  assertEquals(lab.done.length, 2);
});

Deno.test("other sites: neither under another name, nor from another page, nor without saying from where", async () => {
  const lab = new FakeLab();
  const site = lab.site();
  for (
    const asked of [
      { host: "evil.example:23480" },
      { host: "127.0.0.1.evil.example" },
      { host: "teacher-pc.evil.example" },
      { host: "-" },
      { host: "a b" },
      { headers: { origin: "http://evil.example" } },
      { headers: { origin: "null" } },
      { headers: { origin: "-" } },
      { headers: { origin: "https://127.0.0.1:23480" } },
      { headers: { "sec-fetch-site": "cross-site" } },
      { headers: { "sec-fetch-site": "same-site" } },
      { headers: { "content-type": "text/plain" } },
      { headers: { "content-type": "application/x-www-form-urlencoded" } },
    ]
  ) assertEquals(await status(site, "/api/retry", { body: ORDER, ...asked }), 403, JSON.stringify(asked));
  for (const asked of [{ host: "evil.example" }, { headers: { "sec-fetch-site": "cross-site" } }]) {
    assertEquals(await status(site, "/api/files", asked), 403, JSON.stringify(asked));
  }
  assertEquals(lab.done, []);
});

Deno.test("from another PC: only with a login, under our own name or address", async () => {
  const lab = new FakeLab();
  const site = lab.site();
  const far = { remote: FAR, host: LAN };
  assertEquals(await status(site, "/", far), 200);
  assertEquals(await (await ask(site, "/api/session", far)).json(), { may: false });
  for (const path of ["files", "live", "pcs?id=a", "holders", "share", "nothing"]) {
    assertEquals(await status(site, `/api/${path}`, far), 403, path);
  }
  assertEquals(await status(site, "/api/retry", { ...far, body: ORDER }), 403);
  // Who claims to be here but isn't.
  assertEquals(await status(site, "/api/files", { remote: FAR, host: HOST }), 403);
  for (const key of ["", "x", KEY.slice(1), `${KEY}0`, "0".repeat(20)]) {
    assert(await status(site, "/api/login", { ...far, body: { key } }) >= 400, key);
  }
  const login = await ask(site, "/api/login", { ...far, body: { key: ` ${KEY.toUpperCase()} ` } });
  const cookie = login.headers.get("set-cookie")!;
  assertMatch(cookie, /^labswarm=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
  const headers = { cookie: cookie.split(";")[0]! };
  assertEquals(await status(site, "/api/files", { ...far, headers }), 200);
  assertEquals(await status(site, "/api/files", { remote: FAR, host: "teacher-pc:1", headers }), 200);
  assertEquals(await status(site, "/api/files", { remote: FAR, host: "teacher-pc.local", headers }), 200);
  assertEquals(await status(site, "/api/retry", { ...far, headers, body: ORDER }), 200);
  // Another site's page has the browser send the cookie, and says so.
  const forged = { ...headers, origin: "http://evil.example" };
  assertEquals(await status(site, "/api/retry", { ...far, headers: forged, body: ORDER }), 403);
  assertEquals(lab.done.length, 1);
  await ask(site, "/api/logout", { ...far, headers, body: {} });
  assertEquals(await status(site, "/api/files", { ...far, headers }), 403);
  const again = await ask(site, "/api/login", { ...far, body: { key: KEY } });
  lab.clock.advance(13 * 3600_000);
  const old = { cookie: again.headers.get("set-cookie")!.split(";")[0]! };
  assertEquals(await status(site, "/api/files", { ...far, headers: old }), 403);
});

const WRONG = "ffff" + KEY.slice(4);
/** Begins as the right one does. */
const CLOSE = `${KEY.slice(0, -1)}0`;

Deno.test("a few wrong keys a minute from one address are looked at; others' aren't kept waiting", async () => {
  const lab = new FakeLab();
  const warned: string[] = [];
  const log = { ...silentLogger, warn: (text: string) => warned.push(text) };
  const site = { ...lab.site(), log };
  const shows = (key: string, remote = FAR) => ask(site, "/api/login", { remote, host: LAN, body: { key } });
  for (let i = 0; i < LIMITS.pageTries; i++) {
    assertEquals((await shows(WRONG)).status, 403);
    lab.clock.advance(1_000);
  }
  for (let i = 0; i < 100; i++) await shows(WRONG);
  const waits = await shows(WRONG);
  assertEquals([waits.status, waits.headers.get("retry-after")], [429, "60"]);
  assertMatch((await waits.json()).message, /wait a minute/);
  assertEquals(warned.length, LIMITS.pageTries, "a flood of keys is no flood in the log");
  assertStringIncludes(warned[0]!, FAR);
  assertEquals((await shows(WRONG, "10.0.0.98")).status, 403);
  lab.clock.advance(60_000 - LIMITS.pageTries * 1_000);
  assertEquals((await shows(WRONG)).status, 403, "a minute after the first one more is looked at");
  assertEquals((await shows(WRONG)).status, 429);
});

Deno.test("who has the right key gets in beside somebody who tries wrong ones at the same address", async () => {
  const lab = new FakeLab();
  const site = lab.site();
  const shows = (key: string) => ask(site, "/api/login", { remote: FAR, host: LAN, body: { key } });
  for (let i = 0; i < 1_000; i++) await shows(WRONG);
  const login = await shows(KEY);
  assertEquals(login.status, 200);
  const headers = { cookie: login.headers.get("set-cookie")!.split(";")[0]! };
  // What begins like the right key is told apart from others neither by its answer, nor without an end.
  for (let i = 0; i < LIMITS.pageTries; i++) assertEquals((await shows(CLOSE)).status, 429);
  assertEquals((await shows(KEY)).status, 429);
  assertEquals(await status(site, "/api/files", { remote: FAR, host: LAN, headers }), 200);
  lab.clock.advance(60_000);
  for (let i = 0; i < 1_000; i++) await shows(WRONG);
  assertEquals((await shows(KEY)).status, 200);
});

Deno.test("orders are checked; what isn't offered isn't done", async () => {
  const lab = new FakeLab();
  const site = lab.site();
  for (
    const [path, body] of [
      ["broadcast", {}],
      ["broadcast", { paths: [] }],
      ["broadcast", { paths: [7] }],
      ["broadcast", { paths: ["a"], to: [] }],
      ["broadcast", "no JSON"],
      ["broadcast", { paths: Array(501).fill("a") }],
      ["broadcast", { paths: ["x".repeat(70_000)] }],
      ["retry", { id: "" }],
      ["withdraw", []],
      ["nothing", {}],
      ["collect", { patterns: ["*"] }],
      ["invite", { role: "member", hours: 2 }],
    ] as const
  ) assert(await status(site, `/api/${path}`, { body }) >= 400, path + JSON.stringify(body).slice(0, 80));
  assertEquals(lab.done, []);
  const refused = await ask(site, "/api/broadcast", { body: { paths: 5 } });
  assertEquals(await refused.json(), {
    code: "usage",
    message: "Cannot do that: paths is not as it should be",
  });
  for (const path of ["files?offset=-1", "files?sort=evil", "holders?name=a&sha256=b&size=1", "pcs"]) {
    assertEquals(await status(site, `/api/${path}`), 400, path);
  }
  assertEquals(await status(site, "/api/files", { method: "DELETE", headers: { "content-type": "-" } }), 403);
  assertEquals(await status(site, "/etc/passwd"), 404);
});

Deno.test("an address that is none is the caller's fault, and none for the log", async () => {
  const site = new FakeLab().site();
  const log = { ...silentLogger, error: (line: string) => assert(false, line) };
  const request = { method: "GET", url: "http://127.0.0.1:99999/", headers: new Headers({ host: HOST }) };
  assertEquals((await answer({ ...site, log }, request as Request, HERE)).status, 400);
});

Deno.test("a fault of ours is told without its inside", async () => {
  const site = new FakeLab().site({
    retry: () => {
      throw new TypeError("secret inside");
    },
  });
  const response = await ask(site, "/api/retry", { body: ORDER });
  assertEquals(response.status, 500);
  assert(!(await response.text()).includes("secret"));
});

Deno.test("files by page, and the stream of what happens", async () => {
  const lab = new FakeLab();
  lab.rows.files = [file("b.txt", { title: "Two" }), file("a.txt")];
  lab.version = 1;
  const page = await (await ask(lab.site(), "/api/files?query=two&sort=name&limit=10")).json();
  assertEquals([page.total, page.rows[0].name], [1, "b.txt"]);
  const stream = await ask(lab.site(), "/api/live");
  const reader = stream.body!.getReader();
  const first = new TextDecoder().decode((await reader.read()).value);
  assertStringIncludes(first, "event: all\ndata: {");
  lab.events.add({ at: 1, level: "info", text: "line\n\nevent: all" });
  lab.clock.advance(600);
  const second = new TextDecoder().decode((await reader.read()).value);
  assertEquals(second.match(/^event: /gm)?.length, 1, "a text can't begin an event of its own");
  await reader.cancel();
  assertEquals(lab.live.size, 0);
});

Deno.test("programs that watch over this one are answered whatever name they use, and only asked", async () => {
  const lab = new FakeLab();
  const probes = new Map([["/healthz", () => ({ status: 200, type: "text/plain", body: "ok" })]]);
  const site = { ...lab.site(), probes };
  const far = { remote: FAR, host: "rs.example:23480", headers: { "sec-fetch-site": "-" } };
  const told = await ask(site, "/healthz", far);
  assertEquals([told.status, await told.text()], [200, "ok"]);
  assertEquals(await status(site, "/healthz", { ...far, method: "HEAD" }), 200);
  assertEquals(await status(site, "/healthz", { ...far, method: "POST" }), 403);
  assertEquals(await status(lab.site(), "/healthz", far), 403);
});
