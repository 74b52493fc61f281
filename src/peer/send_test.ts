/** Sending: an offer goes out, the receiver dials back, fetches, and says what it has got. Over loopback, with real workers. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { codeOf, LabError, messageOf } from "../base/errors.ts";
import { nameFault } from "../catalog/names.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { Exchange } from "../transport/exchange.ts";
import { greet } from "../transport/handshake.ts";
import { serve } from "../transport/server.ts";
import { dialTcp } from "../transport/tcp.ts";
import { contextOf, fastClock, noise, TOOL } from "./_testing.ts";
import { TempFolder } from "../storage/_testing.ts";
import type { FetchedFile } from "./fetch/content_run.ts";
import type { RsAddress } from "./rs_address.ts";
import { send } from "./send.ts";
import { filesToSend } from "./send_files.ts";
import { offerHandler, type OfferReceiver } from "./serve/offers.ts";

function hasIpv6(): boolean {
  return Deno.networkInterfaces().some(({ address }) => address === "::1");
}

/** A receiver that listens, and a sender that would send to it as to a registration server. */
function world(more: Partial<OfferReceiver> = {}, host = "127.0.0.1") {
  const temp = new TempFolder();
  const clock = fastClock(5);
  let ahead = 0;
  const context = contextOf({ ...clock, monotonic: () => clock.monotonic() + ahead });
  const received: [FetchedFile, string][] = [];
  const ending = new AbortController();
  const handler = offerHandler({
    context,
    name: () => "receiver",
    folderFor: (peer) => temp.folder(`inbox/${peer}`),
    received: (file, from) => received.push([file, from]),
    signal: ending.signal,
    ...more,
  });
  const server = serve({ host, port: 0 }, {
    identity: { role: "rs", agent: "test" },
    handlerFor: () => (message, exchange) => {
      if (message.kind === "PQuery") return exchange.send({ kind: "Peers", peers: [] });
      return w.instead?.(exchange) ?? (w.refuse(), handler(message, exchange));
    },
  }, context);
  const setting = (signal: AbortSignal) => ({
    rs: server.address,
    identity: TOOL,
    context,
    cookie: "c9",
    name: "pc9",
    progress: () => {},
    waits: (why: string) => {
      w.waited.push(why);
      w.onWait();
    },
    signal,
  });
  const w = {
    temp,
    /** Answers an offer in place of the receiver. */
    instead: undefined as ((exchange: Exchange) => Promise<void>) | undefined,
    /** Throws what an offer is answered with. */
    refuse: () => {},
    /** What senders were told while they waited. */
    waited: [] as string[],
    onWait: () => {},
    /** An hour goes by. */
    hurry: () => void (ahead += 3600_000),
    received,
    ending,
    inbox: () => temp.list().filter((name) => name.startsWith("inbox/")).map((name) => name.slice(6)),
    address: server.address,
    async send(
      paths: string[],
      signal = new AbortController().signal,
      to = "rs",
      rs: RsAddress = server.address,
    ) {
      return await send(await filesToSend(paths), to, { ...setting(signal), rs });
    },
    async offer(message: Partial<MessageOf<"Offer">>) {
      const stream = await dialTcp(server.address, { clock: context.clock });
      const { connection } = await greet(stream, TOOL, context);
      try {
        const offer = {
          kind: "Offer",
          purpose: "send",
          id: "1",
          peer: "pc9",
          port: 9,
          files: [],
          bytes: 0,
          ...message,
        };
        return await connection.request(offer as MessageOf<"Offer">, "Receipt");
      } finally {
        connection.close();
      }
    },
    async [Symbol.asyncDispose]() {
      const all = [...server.connections];
      server.close();
      await Promise.all(all.map((each) => each.closed));
      temp[Symbol.dispose]();
    },
  };
  return w;
}

Deno.test("files and folders arrive as they are, and the receipt says where", async () => {
  await using w = world();
  w.temp.file("from/report.txt", "report");
  w.temp.file("from/tree/a", noise(300_000));
  w.temp.file("from/tree/deep/b", "");
  const receipt = await w.send([w.temp.at("from", "report.txt"), w.temp.at("from", "tree")]);
  assertEquals(w.inbox(), ["pc9/report.txt", "pc9/tree/a", "pc9/tree/deep/b"]);
  assertEquals(Deno.readFileSync(w.temp.at("inbox", "pc9", "tree", "a")), noise(300_000));
  assertEquals(receipt.map(({ name }) => name).sort(), ["report.txt", "tree/a", "tree/deep/b"]);
  assertEquals(
    receipt.find(({ name }) => name === "report.txt")!.path,
    w.temp.at("inbox", "pc9", "report.txt"),
  );
  assertEquals(w.received.map(([, from]) => from), ["pc9", "pc9", "pc9"]);
  // No peer can be called that, in whatever case.
  await w.send([w.temp.at("from", "report.txt")], undefined, "RS");
});

Deno.test({ name: "who is reached by IPv6 dials back by IPv6", ignore: !hasIpv6() }, async () => {
  await using w = world({}, "::1");
  w.temp.file("from/report.txt", "report");
  await w.send([w.temp.at("from", "report.txt")]);
  assertEquals(w.inbox(), ["pc9/report.txt"]);
});

Deno.test("what is there already by its hash is received without travelling; what only has the name is kept", async () => {
  await using w = world();
  w.temp.file("from/same", "same");
  w.temp.file("from/other.txt", "new");
  w.temp.file("inbox/pc9/same", "same");
  w.temp.file("inbox/pc9/other.txt", "mine");
  const receipt = await w.send([w.temp.at("from", "same"), w.temp.at("from", "other.txt")]);
  assertEquals(w.inbox(), ["pc9/other (pc9).txt", "pc9/other.txt", "pc9/same"]);
  assertEquals(w.temp.read("inbox/pc9/other.txt"), "mine");
  assertEquals(receipt.length, 2);
});

Deno.test("an offer of hostile names is refused before anything is dialled or written", async () => {
  await using w = world();
  for (const name of ["../x", "/etc/x", "C:/x", "con", "a\\b", "d/.labswarm-k.part", "a\u0000b"]) {
    const thrown = await assertRejects(() =>
      w.offer({ files: [["ok", 1, "a".repeat(64)], [name, 1, "a".repeat(64)]] })
    );
    assertEquals(codeOf(thrown), "name_refused", name);
  }
  assertEquals(w.inbox(), []);
});

Deno.test("a hostile sender's name becomes a folder's name that is none of those", async () => {
  const folders: string[] = [];
  await using w = world({
    folderFor: (peer) => {
      folders.push(peer);
      throw new LabError("failed", "enough seen");
    },
  });
  for (const peer of ["../..", "C:", "con", "a/b", "", "rs", "\u001b[2J"]) {
    await assertRejects(() => w.offer({ peer, files: [["x", 1, "a".repeat(64)]] }));
  }
  assertEquals(folders.length, 7);
  for (const folder of folders) assertEquals([nameFault(folder), folder.includes("/")], [undefined, false]);
});

Deno.test("an offer whose sender can't be dialled back fails as unreachable, and leaves no name", async () => {
  await using w = world();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const thrown = await assertRejects(() => w.offer({ port, files: [["x", 1, "a".repeat(64)]], bytes: 1 }));
  assertEquals(codeOf(thrown), "unreachable");
  assertEquals(w.inbox(), []);
});

Deno.test("what isn't offered can't be had from a sender, and broadcasts are not taken for sends", async () => {
  await using w = world();
  assertEquals(codeOf(await assertRejects(() => w.offer({ purpose: "broadcast" }))), "unsupported");
});

Deno.test("a receiver that has no room is asked again until it has; who waits is told why, once", async () => {
  await using w = world();
  let refused = 0;
  w.refuse = () => {
    if (++refused > 3) return;
    throw new LabError("busy", "8 transfers to this PC are under way");
  };
  const path = w.temp.file("from/a.txt", "a");
  const [delivered] = await w.send([path]);
  assertEquals([delivered?.name, refused], ["a.txt", 4]);
  assertEquals(w.waited, ["rs takes no more just now: 8 transfers to this PC are under way"]);
});

Deno.test("who waits for room can be interrupted, and doesn't wait for ever", async () => {
  await using w = world();
  w.refuse = () => {
    throw new LabError("busy", "8 transfers to this PC are under way");
  };
  const path = w.temp.file("from/a.txt", "a");
  const stop = new AbortController();
  w.onWait = () => stop.abort();
  assertEquals(codeOf(await assertRejects(() => w.send([path], stop.signal))), "interrupted");
  w.onWait = () => w.hurry();
  assertEquals(codeOf(await assertRejects(() => w.send([path]))), "busy");
});

Deno.test("a receiver that says without end what it has got is not listened to for ever", async () => {
  await using w = world();
  const file = { name: "a.txt", path: "/a.txt", sha256: "ab".repeat(32) };
  w.instead = async (exchange) => {
    while (!exchange.aborted) await exchange.send({ kind: "Receipt", files: [file], more: true });
  };
  const thrown = await assertRejects(() => w.send([w.temp.file("from/a.txt", "a")]), LabError, "more files");
  assertEquals(codeOf(thrown), "protocol");
});

Deno.test("a receiver that ends in the middle tells the sender", async () => {
  await using w = world();
  w.temp.file("from/a", noise(1_000_000));
  w.ending.abort(new LabError("interrupted", "ending"));
  const thrown = await assertRejects(() => w.send([w.temp.at("from", "a")]));
  assertStringIncludes(messageOf(thrown), "Cannot send to rs");
  assertEquals(w.inbox().filter((name) => !name.includes(".labswarm")), []);
});

Deno.test("a sender that is interrupted ends at once and says so", async () => {
  await using w = world();
  w.temp.file("from/a", noise(1_000));
  assertEquals(
    codeOf(await assertRejects(() => w.send([w.temp.at("from", "a")], AbortSignal.abort()))),
    "interrupted",
  );
});

Deno.test("the registration server isn't there: it's said what to do; another of its lab takes it", async () => {
  await using w = world();
  const path = w.temp.file("a.txt", "a");
  const nobody = { host: "127.0.0.1", port: 9 };
  const thrown = await assertRejects(() => w.send([path], undefined, "rs", nobody), LabError);
  assertEquals(codeOf(thrown), "unreachable");
  assertStringIncludes(messageOf(thrown), "is rs serve running there, and is --rs right?");
  const [delivered] = await w.send([path], undefined, "rs", { ...nobody, others: [w.address] });
  assertEquals(delivered?.name, "a.txt");
});

Deno.test("who isn't there is unreachable; this PC itself is no receiver", async () => {
  await using w = world();
  const path = w.temp.file("a.txt", "a");
  for (const [to, code, why] of [["nobody", "unreachable", "no active peer"], ["PC9", "usage", "this PC"]]) {
    const thrown = await assertRejects(() => w.send([path], undefined, to), LabError, why);
    assertEquals(codeOf(thrown), code);
  }
});

Deno.test("what can't be sent is said before anybody is asked", async () => {
  using temp = new TempFolder();
  temp.folder("empty");
  const code = async (path: string) => codeOf(await assertRejects(() => filesToSend([path])));
  assertEquals(await code(temp.at("none")), "not_found");
  assertEquals(await code(temp.at("empty")), "not_found");
  if (Deno.build.os === "windows") return;
  assertEquals(await code(temp.file("a:b")), "name_refused");
  temp.file("tree/x\\y");
  const refused = await assertRejects(() => filesToSend([temp.at("tree")]), LabError, "tree/x");
  assertEquals(refused.code, "name_refused");
  assertStringIncludes(refused.message, "; rename it, or move it out of that folder");
  temp.file("tree2/ok");
  Deno.symlinkSync(temp.at("tree"), temp.at("tree2", "link"));
  assertEquals(await code(temp.at("tree2")), "name_refused");
});

Deno.test("what is neither file nor folder isn't opened: a pipe would never end", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using temp = new TempFolder();
  const pipe = temp.at("pipe");
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  const thrown = await assertRejects(() => filesToSend([pipe]));
  assertEquals([codeOf(thrown), messageOf(thrown).includes("neither a file nor a folder")], ["failed", true]);
});

Deno.test("a path that is named twice is sent once; two files that would have one name are not sent", async () => {
  using temp = new TempFolder();
  const paths = ["a/x.txt", "b/x.txt", "b/y.txt"].map((name) => temp.file(name));
  const [a, b, y] = paths as [string, string, string];
  assertEquals((await filesToSend([a, temp.at("a", ".", "x.txt"), y])).map((file) => file.offered), [
    "x.txt",
    "y.txt",
  ]);
  await assertRejects(() => filesToSend([a, b]), LabError, "both be called x.txt");
});
