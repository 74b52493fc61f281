import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LabError } from "../../base/errors.ts";
import {
  adviceOf,
  faultOf,
  firewallAdvice,
  judgeCards,
  judgeClock,
  judgeFolder,
  judgeRate,
  judgeServer,
  judgeSpace,
} from "./findings.ts";
import { judge, type Measured, median, turns } from "./matrix.ts";

const pcs = (n: number) => Array.from({ length: n }, (_, i) => `pc${i + 1}`);

for (const n of [0, 1, 2, 3, 7, 40]) {
  Deno.test(`${n} PCs: every way once, nobody twice in one turn`, () => {
    const all = turns(pcs(n));
    const ways = all.flat().map(({ from, to }) => `${from}>${to}`);
    assertEquals(new Set(ways).size, n * (n - 1));
    assertEquals(ways.length, n * (n - 1));
    for (const turn of all) {
      const busy = turn.flatMap(({ from, to }) => [from, to]);
      assertEquals(new Set(busy).size, busy.length);
    }
    assert(all.length <= 2 * n);
  });
}

/** All ways at the same rate, but for those that a test changes. */
function lab(n: number, change: (way: Measured) => Partial<Measured> | undefined): Measured[] {
  return turns(pcs(n)).flat().map((way) => ({ ...way, rate: 100e6, ...change({ ...way, rate: 100e6 }) }));
}
const kinds = (ways: Measured[]) => judge(ways).map(({ kind, peer, to }) => [kind, peer, ...to ? [to] : []]);

Deno.test("where all is well, nothing is said", () => {
  assertEquals(judge(lab(10, ({ to }) => ({ rate: to === "pc3" ? 70e6 : 110e6 }))), []);
  assertEquals(judge([]), []);
});

Deno.test("a cable that fell back to a tenth is found, and its PC blamed once", () => {
  const slow = (...ends: ("from" | "to")[]) => (way: Measured) =>
    ends.some((end) => way[end] === "pc3") ? { rate: 11e6 } : undefined;
  assertEquals(kinds(lab(10, slow("from", "to"))), [["both", "pc3"]]);
  assertEquals(kinds(lab(10, slow("from"))), [["sends", "pc3"]]);
  assertEquals(kinds(lab(10, slow("to"))), [["receives", "pc3"]]);
});

Deno.test("a single slow way is a pair", () => {
  const one = (way: Measured) => way.from === "pc2" && way.to === "pc5" ? { rate: 9e6 } : undefined;
  assertEquals(kinds(lab(8, one)), [["pair", "pc2", "pc5"]]);
  const none = (way: Measured) =>
    way.from === "pc2" && way.to === "pc5" ? { rate: undefined, reason: "gone" } : undefined;
  assertEquals(kinds(lab(8, none)), [["pair unreachable", "pc2", "pc5"]]);
});

Deno.test("from whom nobody gets anything has a firewall", () => {
  const ways = lab(
    5,
    ({ from }) => from === "pc4" ? { rate: undefined, reason: "no answer within 5 s" } : undefined,
  );
  assertEquals(judge(ways), [{ kind: "unreachable", peer: "pc4", reason: "no answer within 5 s" }]);
});

Deno.test("the middle of numbers", () => {
  assertEquals([median([]), median([3]), median([9, 1, 2]), median([4, 1, 2, 3])], [undefined, 3, 2, 2.5]);
});

Deno.test("the commands that open a firewall", () => {
  const opening = { name: "LabSwarm peer", protocol: "TCP", port: 23476 } as const;
  const [netsh, powershell, ...more] = firewallAdvice("windows", opening);
  assertEquals(more, []);
  // A rule that blocks goes before them.
  const [, , blocked] = firewallAdvice("windows", { ...opening, program: "peer" });
  assertMatch(
    blocked!,
    /a rule that blocks peer\.exe.* Program -like \*\\peer\.exe .* Action -eq Block \| Remove-NetFirewallRule$/,
  );
  assertMatch(
    netsh!,
    /netsh advfirewall firewall add rule name="LabSwarm peer" dir=in action=allow protocol=TCP localport=23476$/,
  );
  assertMatch(
    powershell!,
    /New-NetFirewallRule .*-Direction Inbound -Action Allow -Protocol TCP -LocalPort 23476$/,
  );
  assertMatch(firewallAdvice("linux", { name: "x", protocol: "UDP", port: 5353 })[0]!, /ufw allow 5353\/udp/);
});

Deno.test("cards, clock and space are judged", () => {
  const health = (...cards: [string, string][]) =>
    judgeCards(cards.map(([name, address]) => ({ name, address }))).health;
  assertEquals(health(["Ethernet", "10.1.0.7"], ["vEthernet (WSL)", "172.20.0.1"]), "ok");
  assertEquals(health(["VirtualBox Host-Only", "192.168.56.1"]), "warning");
  assertEquals(health(["Ethernet", "169.254.7.7"]), "warning");
  assertEquals(health(), "fault");
  assertEquals([0.2, -4, 90, -7200].map((s) => judgeClock(s).health), ["ok", "ok", "warning", "fault"]);
  assertMatch(judgeClock(-90).seen, /1 min 30 s behind/);
  assertMatch(judgeClock(400 * 86_400, "windows").seen, /400 days ahead/);
  assertMatch(judgeClock(90, "windows").advice!, /w32tm \/resync/);
  assertMatch(judgeClock(90, "linux").advice!, /timedatectl/);
  assertEquals([[8e6, 0.7], [6e5, 1]].map(([b, s]) => judgeRate("to a", b!, s!).health), ["ok", "warning"]);
  assertMatch(judgeSpace(1e6, "").advice!, /disk is full: make room/);
  assertEquals([5e9, 1e9, 1e6, undefined].map((b) => judgeSpace(b, "").health), [
    "ok",
    "warning",
    "fault",
    "skipped",
  ]);
});

Deno.test("the exit code is that of the first fault", () => {
  const finding = (health: "ok" | "warning" | "fault", exit?: number) => ({
    ...{ check: "x", health, seen: "" },
    ...(exit === undefined ? {} : { exit }),
  });
  assertEquals(faultOf([finding("ok"), finding("warning")]), undefined);
  assertEquals(faultOf([finding("ok"), finding("fault", 3), finding("fault")])?.exitCode, 3);
  assertEquals(faultOf([finding("fault", 4)])?.exitCode, 4);
  const fault = faultOf([finding("ok"), finding("fault")]);
  assertEquals([fault?.code, fault?.exitCode], ["failed", 1]);
  assertStringIncludes(fault?.message ?? "", "1 of 2 checks failed: ");
});

Deno.test("why there's no server decides what to do", () => {
  const advice = (code: "usage" | "not_permitted" | "unreachable", port?: number) =>
    judgeServer(new LabError(code, "why"), port === undefined ? undefined : { host: "a", port }, "windows")
      .advice!;
  assertMatch(advice("usage"), /--rs HOST/);
  assertMatch(advice("not_permitted", 4000), /rs invite[^]*--join CODE/);
  assertMatch(advice("unreachable"), /localport=23475[^]*blocks rs\.exe[^]*--rs HOST[^]*localport=5353/);
  assertMatch(advice("unreachable", 4000), /localport=4000/);
  assert(!advice("unreachable", 4000).includes("5353"));
  assertEquals(judgeServer(new LabError("unreachable", "why"), undefined).exit, 3);
});

Deno.test("a folder on a full disk needs room, another one the right to it", () => {
  const { seen, advice, exit } = judgeFolder("data", "x", new LabError("disk_full", "it is full"));
  assertEquals([seen, exit], ["it is full", 1]);
  assertMatch(advice!, /disk is full: make room .*--data/);
  const forbidden = judgeFolder("share", "x", new LabError("not_permitted", "no"));
  assertEquals([forbidden.check, forbidden.health, forbidden.exit], ["share", "fault", 4]);
  assertMatch(forbidden.advice!, /the right to write in x.*--share/);
});

Deno.test("the same advice is given once", () => {
  const findings = [
    { check: "a", health: "warning", seen: "", advice: "mend it" },
    { check: "b", health: "ok", seen: "" },
    { check: "c", health: "fault", seen: "", advice: "mend it" },
    { check: "d", health: "warning", seen: "", advice: "look" },
  ] as const;
  assertEquals(adviceOf(findings), [
    { checks: ["a", "c"], isFault: true, advice: "mend it" },
    { checks: ["d"], isFault: false, advice: "look" },
  ]);
});
