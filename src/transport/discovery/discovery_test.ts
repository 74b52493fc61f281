import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { HostPort } from "../../base/units.ts";
import { encode } from "../../deps/dns_packet.ts";
import { questionPacket, readAnswer, SERVICE } from "../../protocol/discovery/packets.ts";
import { Ether, type MemoryPc } from "./_memory_datagrams.ts";
import { Announcer } from "./announce.ts";
import { browse } from "./browse.ts";
import { firstOpen } from "./first_open.ts";
import { MDNS, systemDatagrams } from "./datagrams.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const lab = (n: number) => ({
  id: String(n).padStart(20, "0"),
  name: `rs${n}`,
  mode: "open" as const,
  port: 4000 + n,
});

function announce(datagrams: MemoryPc, n = 1, clock = new FakeClock(), only?: string) {
  return Announcer.start({ lab: lab(n), datagrams, clock, log, only });
}

/** Lets everything that waits for nothing but a turn have it. */
const turns = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Searches in virtual time; gives what was found, and how long it took. */
async function search(datagrams: MemoryPc) {
  const clock = new FakeClock(0);
  let ended = false;
  const found = browse({ datagrams, clock, log }).finally(() => ended = true);
  for (; !ended; await turns()) if (!ended) clock.advance(50);
  return { labs: await found, ms: clock.now() };
}

Deno.test("a lab is found, through the network that both are in", async () => {
  const ether = new Ether();
  const server = await announce(ether.pc("192.168.56.1", "10.1.0.2"));
  const { labs, ms } = await search(ether.pc("172.17.0.1", "10.1.0.7"));
  assertEquals(labs, [{ ...lab(1), addresses: ["10.1.0.2", "192.168.56.1"] }]);
  assert(ms <= 600, `${ms}`);
  await server.close();
});

Deno.test("two labs are both found; one in two networks is one", async () => {
  const ether = new Ether();
  const servers = [
    await announce(ether.pc("10.1.0.2", "10.2.0.2"), 1),
    await announce(ether.pc("10.2.0.3"), 2),
  ];
  const { labs } = await search(ether.pc("10.1.0.7", "10.2.0.7"));
  assertEquals(labs.map(({ id }) => Number(id)).toSorted(), [1, 2]);
  for (const each of servers) await each.close();
});

Deno.test("nothing is found within 2 s", async () => {
  const { labs, ms } = await search(new Ether().pc("10.1.0.7"));
  assertEquals(labs, []);
  assert(ms <= 2_000 && TIMEOUTS.discovery < 2_000, `${ms}`);
  assertEquals((await search(new Ether().pc())).labs, []);
});

Deno.test("lost datagrams are sent again, and a broken card doesn't matter", async () => {
  const ether = new Ether();
  const home = ether.pc("10.1.0.2", "10.9.0.2");
  home.broken.add("10.9.0.2");
  const server = await announce(home);
  let lost = 0;
  ether.loses = (_, to) => to.host === MDNS.host && lost++ < 1;
  const asker = ether.pc("10.9.0.7", "10.1.0.7");
  asker.broken.add("10.9.0.7");
  assertEquals((await search(asker)).labs.length, 1);
  await server.close();
});

Deno.test("a server that listens on one address is found there only", async () => {
  const ether = new Ether();
  const server = await announce(ether.pc("10.1.0.2", "10.2.0.2"), 1, new FakeClock(), "10.1.0.2");
  assertEquals((await search(ether.pc("10.2.0.7"))).labs, []);
  assertEquals((await search(ether.pc("10.1.0.7"))).labs[0]?.addresses, ["10.1.0.2"]);
  await server.close();
});

Deno.test("a server tells of itself twice, on new cards too, and takes it back", async () => {
  const ether = new Ether();
  const clock = new FakeClock();
  const home = ether.pc("10.1.0.2");
  const listener = ether.pc("10.1.0.9", "10.5.0.9").openGroup();
  for (const address of ["10.1.0.9", "10.5.0.9"]) await listener.join(address);
  const server = await announce(home, 1, clock);
  clock.advance(1_000);
  await turns();
  assertEquals(ether.sent, ["10.1.0.2", "10.1.0.2"]);
  home.addresses = ["10.1.0.2", "10.5.0.2"];
  clock.advance(TIMEOUTS.discoveryInterfaces);
  await turns();
  assertEquals(ether.sent.slice(2), ["10.5.0.2"]);
  assertEquals((await search(ether.pc("10.5.0.7"))).labs.length, 1);
  await server.close();
  const heard = [];
  for (let i = 0; i < 3; i++) heard.push((await listener.receive())!);
  assertEquals(heard.map(({ bytes }) => readAnswer(bytes).length), [1, 1, 1]);
  assertEquals((await search(ether.pc("10.1.0.7"))).labs, []);
});

Deno.test("who asks from port 5353 is answered by multicast, and only so many times a second", async () => {
  const ether = new Ether();
  const clock = new FakeClock();
  const server = await announce(ether.pc("10.1.0.2"), 1, clock);
  const tool = ether.pc("10.1.0.7").open({ host: "10.1.0.7", port: MDNS.port });
  ether.sent = [];
  await tool.send(questionPacket(0), MDNS);
  await tool.send(encode({ type: "query", questions: [{ name: "_http._tcp.local", type: "PTR" }] }), MDNS);
  await turns();
  assertEquals(ether.sent.filter((from) => from === "10.1.0.2"), ["10.1.0.2"]);
  const flood = ether.pc("10.1.0.66").open({ host: "10.1.0.66", port: 0 });
  for (let i = 0; i < LIMITS.discoveryAnswers * 2; i++) await flood.send(questionPacket(i), MDNS);
  let answers = 0;
  (async () => {
    while (await flood.receive()) answers++;
  })();
  while (await turns(), answers < LIMITS.discoveryAnswers - 1);
  for (let i = 0; i < 50; i++) await turns();
  assertEquals(answers, LIMITS.discoveryAnswers - 1);
  clock.advance(1_000);
  assertEquals((await search(ether.pc("10.1.0.8"))).labs.length, 1);
  flood.close();
  tool.close();
  await server.close();
});

Deno.test("garbage doesn't stop a search, nor does a flood of labs fill memory", async () => {
  const ether = new Ether();
  const server = await announce(ether.pc("10.1.0.2"));
  const bad = ether.pc("10.1.0.66").openGroup();
  await bad.join("10.1.0.66");
  (async () => {
    for (let heard = await bad.receive(); heard; heard = await bad.receive()) {
      const noise = crypto.getRandomValues(new Uint8Array(200));
      for (let i = 0; i < 100; i++) await bad.send(noise, heard.from);
    }
  })();
  const { labs } = await search(ether.pc("10.1.0.7"));
  assertEquals(labs.map(({ name }) => name), ["rs1"]);
  bad.close();
  await server.close();
});

Deno.test("an interrupted search says so", async () => {
  const stop = new AbortController();
  const found = browse({
    datagrams: new Ether().pc("10.1.0.7"),
    clock: new FakeClock(),
    log,
    signal: stop.signal,
  });
  stop.abort();
  const error = await assertRejects(() => found, LabError);
  assertEquals(error.code, "interrupted");
});

Deno.test("this machine's own sockets: what is sent to the group doesn't fail, closed ones end", async () => {
  for (const { address } of systemDatagrams.interfaces()) {
    const socket = systemDatagrams.open({ host: address, port: 0 });
    const heard = socket.receive();
    await socket.send(encode({ type: "query", questions: [{ name: SERVICE, type: "SRV" }] }), MDNS).catch(
      () => {},
    );
    socket.close();
    await heard;
    assertEquals(await socket.receive(), undefined);
  }
});

const at = (...hosts: string[]) => hosts.map((host): HostPort => ({ host, port: 1 }));

Deno.test("the first address that answers counts; those that fail cost no pause", async () => {
  const tried: string[] = [];
  const found = await firstOpen(at("a", "b", "c"), (to) => {
    tried.push(to.host);
    return to.host === "b" ? Promise.resolve() : Promise.reject(new Error("nobody"));
  }, { clock: new FakeClock() });
  assertEquals([found.host, tried], ["b", ["a", "b"]]);
});

Deno.test("an address that says nothing holds nobody up", async () => {
  const clock = new FakeClock();
  const found = firstOpen(
    at("silent", "b"),
    (to, signal) =>
      to.host === "b" ? Promise.resolve() : new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    { clock },
  );
  await turns();
  clock.advance(TIMEOUTS.nextAddress);
  assertEquals((await found).host, "b");
});

Deno.test("no address answers", async () => {
  const fail = () => Promise.reject(new Error("no"));
  const error = await assertRejects(
    () => firstOpen(at("a", "b"), fail, { clock: systemClock }),
    LabError,
    "(a, b)",
  );
  assertEquals(error.code, "unreachable");
  await assertRejects(() => firstOpen([], fail, { clock: systemClock }), LabError, "no address");
});
