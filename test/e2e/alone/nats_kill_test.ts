/** Servers of NATS that are killed, and what the registration servers' store makes of it. Long: NATS takes seconds to find a new leader. */

import { assertEquals } from "@std/assert";
import { until } from "../../../src/base/_patience.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { codeOf } from "../../../src/base/errors.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { peer, peersOf } from "../../../src/registry/_store_contract.ts";
import { NatsCluster, natsServer } from "../../../src/registry/nats/_cluster.ts";
import { type NatsStore, openNatsStore } from "../../../src/registry/nats/nats_store.ts";
import { parsePlace } from "../../../src/registry/nats/place.ts";

Deno.test({
  name: "NATS store: servers of NATS are killed: what was promised is kept, and a call that fails says so",
  ignore: natsServer() === undefined,
  fn: async () => {
    await using own = await NatsCluster.start();
    const options = { clock: systemClock, random: systemRandom, log: silentLogger, folderId: "folder" };
    const open = () => openNatsStore({ place: parsePlace(own.url), ...options });
    const [a, b] = [await open(), await open()];
    try {
      await leaderKilled(own, a, b);
      await mostKilled(own, a);
    } finally {
      for (const store of [a, b]) await store.close();
    }
  },
});

async function leaderKilled(own: NatsCluster, a: NatsStore, b: NatsStore): Promise<void> {
  const promised: string[] = [];
  const heard: string[] = [];
  const ignored = () => {};
  const news = {
    ...{ forgotten: ignored, holdings: ignored, head: ignored, headForgotten: ignored, receipt: ignored },
    ...{ renewed: ignored, fellows: ignored, peer: ignored },
  };
  a.follow(news);
  b.follow({ ...news, peer: ({ name }, at) => void heard.push(`${name} at ${at}`) });
  const write = async () => {
    for (let n = 0; n < 20; n++) {
      const name = `pc${promised.length}`;
      await insist(() => a.savePeers([peer(1, { name, cookie: `c-${name}` })]));
      promised.push(name);
    }
  };
  await write();
  const leader = await own.leaderOf(a.setting.bucket);
  await own.kill(leader);
  await write();
  own.restart(leader);
  // The one that was restarted may not have caught up: nobody is told less for that.
  for (let times = 0; times < 20; times++) {
    await write();
    assertEquals((await insist(() => peersOf(b))).map(({ name }) => name).sort(), promised.toSorted());
  }
  await insist(() => b.catchUp());
  // What was written a second time, because nobody knew whether it was there, is heard twice.
  assertEquals([...new Set(heard)], promised.map((name) => `${name} at ${a.self}`));
}

/** Asks again and again while NATS looks for a leader, and the store says so. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  const answers: T[] = [];
  await until("NATS answers", () =>
    ask().then((answer) => answers.push(answer) > 0, (thrown) => {
      assertEquals(codeOf(thrown), "unreachable", String(thrown));
      return false;
    }));
  return answers[0]!;
}

async function mostKilled(own: NatsCluster, a: NatsStore): Promise<void> {
  a.present({ hosts: [], port: 1, claims: [] });
  const [one, two, three] = [1, 2, 3].map((n) => peer(n, { name: `other${n}` }));
  await insist(() => a.savePeers([one!]));
  await own.kill(0);
  await own.kill(1);
  // That a peer became inactive isn't lost: it's written when NATS is back.
  const [came, went] = await Promise.allSettled([
    a.savePeers([two!]),
    a.savePeers([{ ...one!, active: false }]),
  ]) as PromiseRejectedResult[];
  assertEquals([came!.reason.code, went!.reason.code], ["unreachable", "unreachable"]);
  // A call may give up before the others would count us as gone: both go by their own clock.
  await until("NATS counts as away", () => a.isAway);
  own.restart(0);
  own.restart(1);
  await until("NATS takes peers again", () => a.savePeers([three!]).then(() => true, () => false));
  await until("NATS counts as there", () => !a.isAway);
  await until("the peer is inactive", async () => {
    return (await peersOf(a)).find(({ name }) => name === "other1")?.active === false;
  });
}
