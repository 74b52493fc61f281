/** Members and invitations that several servers share, in a real NATS. */

import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { until, within } from "../../base/_patience.ts";
import { toHex, utf8 } from "../../base/bytes.ts";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { exportPrivate, generateKeys } from "../../join/keys.ts";
import { Seal } from "../../join/seal.ts";
import { clusterOfFile } from "./_cluster.ts";
import { NatsMembers } from "./members.ts";
import { type NatsStore, openNatsStore, type OtherNews } from "./nats_store.ts";
import { parsePlace } from "./place.ts";
import type { Entry } from "./reading.ts";

const cluster = clusterOfFile({ count: 1 });
const { ignore } = cluster;
const HOUR = 3600_000;
let registries = 0;

interface Server {
  store: NatsStore;
  members: NatsMembers;
  /** What others wrote is kept back here, while it's there. */
  late: Entry[] | undefined;
  /** Takes over what others wrote. */
  hear: OtherNews;
}

function serverOf(store: NatsStore): Omit<Server, "members"> {
  const server: Omit<Server, "members"> = { store, late: undefined, hear: () => {} };
  const follow = store.followOthers.bind(store);
  store.followOthers = (news) => {
    server.hear = news;
    follow((entry) => server.late ? void server.late.push(entry) : news(entry));
  };
  return server;
}

/** A test with two servers of one lab. */
function shared(name: string, work: (a: Server, b: Server, clock: FakeClock) => Promise<void>): void {
  Deno.test({
    name: `shared members: ${name}`,
    ignore,
    fn: async () => {
      const registry = `members${registries++}`;
      const key = await exportPrivate((await generateKeys()).privateKey);
      const clock = new FakeClock();
      const servers: Server[] = [];
      for (let n = 0; n < 2; n++) {
        const store = await openNatsStore({
          ...{ place: parsePlace(`${cluster.url}/${registry}`), log: silentLogger, folderId: "folder" },
          ...{ clock: systemClock, random: systemRandom },
        });
        const seal = await Seal.from(key, "invitations");
        const server = serverOf(store);
        const members = await NatsMembers.open(store, seal, { clock, random: systemRandom });
        servers.push(Object.assign(server, { members }));
      }
      try {
        await work(servers[0]!, servers[1]!, clock);
      } finally {
        for (const { store } of servers) await store.close();
        for (const { members } of servers) await members.idle();
      }
    },
  });
}

const secret = new Uint8Array([1, 2, 3, 4, 5]);
const invited = (more: { uses?: number; lasts?: number } = {}) => ({
  ...{ secret, role: "member" as const, lasts: HOUR, uses: undefined as number | undefined },
  ...more,
});
const who = (n: number, name = "pc") => ({ id: `id${n}`, name, address: "10.0.0.7" });

/** The invitation as a server knows it, as soon as it does. */
async function inviteOf({ members, store }: Server, clock: FakeClock) {
  const found = () => members.membership.open(clock.now())[0];
  await until("an invitation", () => found() !== undefined, () => store.catchUp());
  return found()!.invite;
}

shared(
  "an invitation holds at the other server, and for all of them together so often as it says",
  async (a, b, clock) => {
    await a.members.invite(invited({ uses: 5 }));
    const invites = [await inviteOf(a, clock), await inviteOf(b, clock)];
    assertEquals(invites[0], invites[1]);
    const tries = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => (n % 2 ? a : b).members.join(invites[n % 2]!, who(n))),
    );
    const joined = tries.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
    assertEquals(joined.length, 5);
    for (const each of tries) {
      if (each.status === "rejected") assertEquals((each.reason as LabError).code, "not_permitted");
    }
    assertEquals(new Set(joined.map(({ name }) => name)).size, 5);
    await Promise.all([a.store.catchUp(), b.store.catchUp()]);
    assertEquals(a.members.membership.members.length, 5);
    const byId = (server: Server) =>
      server.members.membership.members.toSorted((x, y) => x.id < y.id ? -1 : 1);
    assertEquals(byId(a), byId(b));
    assertEquals(b.members.membership.open(clock.now()), []);
  },
);

shared(
  "a use that another server took before our last one, and of which we hear later, is old news",
  async (a, b, clock) => {
    await a.members.invite(invited({ uses: 2 }));
    const invite = await inviteOf(b, clock);
    b.late = [];
    await a.members.join(invite, who(1));
    await b.members.join(invite, who(2));
    assertEquals(b.late.filter(({ key }) => key.startsWith("i.")).length, 1);
    assertEquals(b.members.membership.open(clock.now()), []);
    for (const each of b.late) b.hear(each);
    b.late = undefined;
    await assertRejects(() => b.members.join(invite, who(3)), LabError, "used");
    assertEquals(b.members.membership.open(clock.now()), []);
    assertEquals(b.members.membership.members.length, 2);
  },
);

shared("who asks two servers at once is one member, under one name", async (a, b, clock) => {
  await a.members.invite(invited());
  const [first, second] = await Promise.all(
    [a, b].map(async (server) => await server.members.join(await inviteOf(server, clock), who(1))),
  );
  assertEquals(first, second);
  assertEquals(first!.name, "pc");
});

shared(
  "who is revoked at one is told of at the other, stays so, and its name is free",
  async (a, b, clock) => {
    await a.members.invite(invited());
    const heard = new Promise<string>((resolve) => b.members.onRevoked(resolve));
    await b.members.join(await inviteOf(b, clock), who(1));
    await a.members.revoke("pc");
    assertEquals(await within("word of the revocation", heard), "id1");
    assertEquals(b.members.membership.revoked, ["id1"]);
    await assertRejects(async () => b.members.join(await inviteOf(b, clock), who(1)), LabError, "revoked");
    assertEquals((await b.members.join(await inviteOf(b, clock), who(2))).name, "pc");
    const third = await NatsMembers.open(
      a.store,
      await Seal.from(await exportPrivate((await generateKeys()).privateKey), "x"),
      { clock, random: systemRandom },
    );
    assertEquals(third.membership.revoked, ["id1"]);
  },
);

shared("an invitation ends by its time at both", async (a, b, clock) => {
  await a.members.invite(invited({ uses: 3 }));
  const invite = await inviteOf(b, clock);
  clock.advance(HOUR + 1);
  await assertRejects(() => b.members.join(invite, who(1)), LabError, "expired");
  assertEquals(b.members.membership.open(clock.now()), []);
});

shared("a server that is out of reach of NATS says so at once, and asks nothing", async (a, b, clock) => {
  await a.members.invite(invited());
  const invite = await inviteOf(b, clock);
  Object.defineProperty(b.store, "isAway", { get: () => true });
  const { writings } = b.store.setting.link;
  for (
    const ask of [
      () => b.members.join(invite, who(1)),
      () => b.members.revoke("pc"),
      () => b.members.invite(invited()),
    ]
  ) {
    const refused = await assertRejects(ask, LabError, "can't reach NATS");
    assertEquals(refused.code, "unreachable");
  }
  assertEquals(b.store.setting.link.writings, writings);
});

shared("a claim is as young as it is, whatever the clocks of two servers say", async (a, b, clock) => {
  const { link, bucket } = a.store.setting;
  await a.members.invite(invited());
  // A newcomer is on its way in at a server whose clock is an hour behind.
  await link.write(bucket, "n.pc", { id: "underway", at: clock.now() - HOUR }, 0);
  assertEquals((await b.members.join(await inviteOf(b, clock), who(1))).name, "pc-2");
});

shared("a name whose claim came to nothing is free after a minute", async (a, b, clock) => {
  const { link, bucket } = a.store.setting;
  await a.members.invite(invited());
  await link.write(bucket, "n.pc", { id: "killed", at: clock.now() }, 0);
  const invite = await inviteOf(b, clock);
  assertEquals((await b.members.join(invite, who(1))).name, "pc-2");
  clock.advance(61_000);
  assertEquals((await b.members.join(invite, who(2))).name, "pc");
});

shared("whoever reads NATS learns no secret", async (a, _, clock) => {
  await a.members.invite(invited({ uses: 3 }));
  await a.members.join(await inviteOf(a, clock), who(1));
  const { link, bucket } = a.store.setting;
  const entries = await link.list(bucket, ">");
  assert(entries.some(({ key }) => key.startsWith("i.")));
  for (const { key, value } of entries) {
    const text = `${key} ${new TextDecoder().decode(value)}`;
    for (const clear of [toHex(secret), btoa(String.fromCharCode(...secret)), utf8(toHex(secret)).join()]) {
      assertFalse(text.includes(clear), text);
    }
  }
});
