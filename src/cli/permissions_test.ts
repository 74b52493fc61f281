import { assertEquals, assertRejects } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { accessGuard } from "./permissions.ts";

const folders = { share: "./share", data: "./peer-data" };

/** A guard over rules: what is granted at first, and what the person answers. */
function guardOf(
  options: {
    granted?: string[];
    denied?: boolean;
    answer?: boolean;
    canAsk: boolean;
    shared?: string[];
    data?: string;
    links?: Record<string, string>;
    os?: string;
    signal?: AbortSignal;
  },
) {
  const asked: string[] = [];
  const notes: string[] = [];
  const looked: string[] = [];
  const granted = new Set(options.granted);
  const guard = accessGuard({
    folders,
    data: options.data,
    canAsk: options.canAsk,
    os: options.os ?? "linux",
    ...(options.signal ? { signal: options.signal } : {}),
    note: (text) => notes.push(text),
    exists: (path) => {
      looked.push(path);
      return Promise.resolve(options.shared?.includes(path) ?? false);
    },
    resolve: (path) => Promise.resolve(path.startsWith("/") ? path : `/lab/${path}`),
    leadsAway: (path) => Promise.resolve(options.links?.[path]),
    permissions: {
      query({ name, path }) {
        const state = granted.has(`${name} ${path}`) ? "granted" : options.denied ? "denied" : "prompt";
        return Promise.resolve({ state });
      },
      request({ name, path }) {
        asked.push(`${name} ${path}`);
        if (options.answer) granted.add(`${name} ${path}`);
        return Promise.resolve({ state: options.answer ? "granted" : "denied" });
      },
    },
  });
  return { guard, asked, notes, looked };
}

Deno.test("what is granted is not asked for", async () => {
  const { guard, asked, notes } = guardOf({
    granted: ["read /lab/share/a", "write /lab/share/a"],
    canAsk: true,
  });
  assertEquals(await guard("share/a", "read-write"), "/lab/share/a");
  assertEquals([asked, notes], [[], []]);
});

Deno.test("on a terminal it is asked once to read and once to write", async () => {
  const { guard, asked, notes } = guardOf({ answer: true, canAsk: true });
  await guard("/mnt/x", "read-write");
  await guard("/mnt/x", "read-write");
  await guard("/mnt/x", "read");
  assertEquals(asked, ["write /mnt/x", "read /mnt/x"]);
  assertEquals(notes[0], "/mnt/x is outside of ./share and ./peer-data: the runtime asks now");
});

Deno.test("where a link in the share leads is asked about like any other place", async () => {
  const granted = ["read /lab/share/link", "write /lab/share/link"];
  const links = { "/lab/share/link": "/etc" };
  const { guard, asked } = guardOf({ granted, links, answer: true, canAsk: true });
  assertEquals(await guard("share/link", "read-write"), "/etc");
  assertEquals(asked, ["write /etc", "read /etc"]);
  const alone = guardOf({ granted, links, canAsk: false });
  for (const access of ["read", "write"] as const) {
    const error = await assertRejects(() => alone.guard("share/link", access), LabError, "a link to /etc");
    assertEquals(error.exitCode, 4);
  }
});

Deno.test("a no is a no: it isn't asked again", async () => {
  const { guard, asked } = guardOf({ answer: false, canAsk: true });
  for (let i = 0; i < 2; i++) {
    await assertRejects(() => guard("/mnt/x", "write", { flag: "--out" }), LabError, "allow it when asked");
  }
  assertEquals(asked, ["write /mnt/x"]);
});

Deno.test("whoever was told to stop before the question isn't asked", async () => {
  const signal = AbortSignal.abort(new LabError("interrupted", "Interrupted (SIGINT)"));
  const { guard, asked, notes } = guardOf({ answer: true, canAsk: true, signal });
  await assertRejects(() => guard("/mnt/x", "read"), LabError, "Interrupted");
  assertEquals([asked, notes], [[], []]);
});

Deno.test("who leaves the share out is told; nothing is looked for outside of it", async () => {
  const shared = ["./share/image.iso"];
  const asked = guardOf({ answer: false, canAsk: true, shared });
  await assertRejects(
    () => asked.guard("image.iso", "read"),
    LabError,
    "say ./share/image.iso if you mean that",
  );
  assertEquals(asked.notes, [
    "image.iso is outside of ./share and ./peer-data: the runtime asks now; " +
    "if you mean ./share/image.iso, answer n and say that",
  ]);
  const alone = guardOf({ canAsk: false, shared });
  await assertRejects(() => alone.guard("image.iso", "read"), LabError, "./share/image.iso");
  for (const path of ["../x", "/etc/passwd", "a/../../x", "C:\\x", "\\\\host\\x"]) {
    await assertRejects(() => alone.guard(path, "read"), LabError, "copy it into ./share first");
  }
  assertEquals(alone.looked, ["./share/image.iso"]);
});

Deno.test("without a terminal, or where the sandbox denies, the sentence names the folder that would do", async () => {
  const { guard, asked } = guardOf({ answer: true, canAsk: false });
  const refused = async (...args: Parameters<typeof guard>) =>
    (await assertRejects(() => guard(...args), LabError)).message;
  assertEquals(
    await refused("/mnt/x", "write", { flag: "--out" }),
    "Cannot write to /mnt/x: this program may only touch ./share and ./peer-data here; " +
      "use --out ./share/... or run it on a terminal to be asked",
  );
  assertEquals(
    await refused("x.iso", "read"),
    "Cannot read x.iso: this program may only touch ./share and ./peer-data here; " +
      "copy it into ./share first or run it on a terminal to be asked",
  );
  assertEquals(
    (await refused("/l", "write", { flag: "--log-file", folder: "data" })).includes(
      "use --log-file ./peer-data/...",
    ),
    true,
  );
  const denied = guardOf({ denied: true, canAsk: true });
  const error = await assertRejects(() => denied.guard("/mnt/x", "read"), LabError);
  assertEquals([error.exitCode, asked, denied.asked], [4, [], []]);
});

Deno.test("the data folder is neither shared nor sent nor saved to, whoever would allow it", async () => {
  const { guard, asked } = guardOf({ answer: true, canAsk: true, data: "/lab/share/state" });
  const shared = { flag: "--share" };
  for (
    const [path, access, hint] of [
      ...[["/lab/share/state", "read"], ["/lab", "read"], ["/lab/share/state/membership.json", "read"]],
      ...[["/lab/share", "read-write", shared], ["/lab/share/state/x", "read-write", shared]],
      ["/lab/share", "read-write", { flag: "--out" }],
    ] as Parameters<typeof guard>[]
  ) assertEquals((await assertRejects(() => guard(path, access, hint), LabError, "key")).exitCode, 4);
  assertEquals(asked, []);
  await guard("/lab/share/state/rs.log", "read-write", { flag: "--log-file", folder: "data" });
});

Deno.test("what Windows takes for a device, a stream or another name is no place to write to", async () => {
  const { guard, asked } = guardOf({ answer: true, canAsk: true, os: "windows" });
  for (
    const path of [
      "share\\a:b",
      "C:\\x\\con",
      "share/x.",
      "share\\trail \\y",
      "share\\a?b",
      "\\\\.\\C:\\nul.txt",
    ]
  ) {
    const error = await assertRejects(() => guard(path, "read-write"), LabError, `Cannot use ${path}: `);
    assertEquals(error.exitCode, 2);
  }
  assertEquals(asked, []);
  const good = [
    "C:\\Program Files (x86)\\Müller & Co\\",
    "..\\x",
    "share\\.\\ lead",
    "\\\\?\\C:\\lab",
    "D:",
    "\\\\pc\\c$\\100%",
    "C:\\Users\\LABSWA~1\\AppData\\Local\\Temp\\x",
    "C:\\Users\\me\\.labswarm\\peer",
    `C:\\${"課".repeat(100)}`,
  ];
  for (const path of good) await guard(path, "write");
  // What is there can be read, whatever it is called; elsewhere these are names like any other.
  await guard("C:\\x\\con", "read");
  await guardOf({ answer: true, canAsk: true }).guard("share/a:b", "write");
});
