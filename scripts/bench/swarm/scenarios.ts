/** Experiments of our own that aren't the plain star: two labs, a fetch from four, many small files, a rate limit. */

import { join } from "@std/path";
import { PROGRAMS } from "../bench.ts";
import { makeSmall, SMALL_SIZE } from "../field.ts";
import { run } from "../measure.ts";
import type { Attempt } from "./contender.ts";
import type { Experiment, Wanted } from "./experiment.ts";
import { inside } from "../../netns.ts";
import { planLan } from "./lan_plan.ts";
import { OURS, prepareOurs, rsOf, startPeer, startServer } from "./ours.ts";
import { FILE, isNamed, type Program, receiversOf, SOURCE, type Stage, SwarmFailed } from "./stage.ts";

/** Of what goes over the wire, the share that is payload: 1,448 of the 1,514 bytes of a full frame. */
const PAYLOAD = 1448 / 1514;

/** Two labs of half of the hosts each, with the source in the first, and a slow link between their routers. */
export function labs({ hosts, rate, size, uplink = rate / 4 }: Wanted): Experiment {
  const half = Math.ceil(hosts / 2);
  const prepare = async (stage: Stage): Promise<Attempt> => {
    const attempt = await prepareOurs(stage);
    const before = await stage.lan.acrossUplink();
    const notes = async () => ({
      "over the uplink / F": (await stage.lan.acrossUplink() - before) / stage.size,
    });
    return { ...attempt, notes };
  };
  const name = `${OURS}, 2 labs`;
  return {
    title: `two labs of ${half} and ${hosts - half} receivers, ${uplink / 1e6} Mbit/s between them`,
    plan: planLan({ labs: [half + 1, hosts - half], rate, uplink }),
    size,
    receivers: receiversOf(hosts),
    contenders: [{ name, verifies: true, programs: [], prepare }],
    targets: [{ name, figure: "over the uplink / F", atMost: 1.2 }],
    flow: [SOURCE, hosts + 1],
  };
}

const HOLDERS = [1, 2, 3, 4];
const FETCHER = 5;

/** `peer fetch` of one file that four hosts hold, by a host whose link is four times theirs. */
export function fetchFromFour({ rate, size }: Wanted): Experiment {
  const name = `${OURS}, fetch from 4`;
  const fast = HOLDERS.length * rate;
  const prepare = async (stage: Stage): Promise<Attempt> => {
    await startHolders(stage);
    const fetch = [PROGRAMS.peer[0], "fetch", FILE, "--json", "--rs", rsOf(stage)];
    let fetching: Program | undefined;
    return {
      start: () => void (fetching = stage.start(FETCHER, ...fetch)),
      marks: (host) => stage.file(host),
      finished: (host) => {
        if (fetching?.end && fetching.end.code !== 0) {
          throw new SwarmFailed(`peer fetch ended with ${fetching.end.code}: ${stage.said(FETCHER)}`);
        }
        return isNamed(stage.file(host), stage.size);
      },
    };
  };
  return {
    title: `peer fetch from ${HOLDERS.length} holders at ${rate / 1e6} Mbit/s each, by one at ${fast / 1e6}`,
    plan: planLan({ labs: [FETCHER], rate, rates: new Map([[FETCHER, fast]]) }),
    size,
    receivers: [FETCHER],
    contenders: [{ name, verifies: true, programs: [], prepare }],
    targets: [{ name, figure: "share of the link", atLeast: 0.9 }],
    link: fast,
  };
}

/** A registration server and four peers with the file, all in its index. */
async function startHolders(stage: Stage): Promise<void> {
  await startServer(stage);
  for (const host of HOLDERS) {
    await Deno.mkdir(stage.share(host), { recursive: true });
    if (host !== SOURCE) await Deno.copyFile(stage.file(SOURCE), stage.file(host));
    await startPeer(stage, host, ["--index-interval", "86400"]);
  }
  const { namespace } = stage.lan.host(FETCHER);
  const ask = inside(namespace, PROGRAMS.peer[0], "index", "--json", "--rs", rsOf(stage));
  const deadline = performance.now() + 60_000;
  while (true) {
    const rows = (await run("env", `--chdir=${stage.home(FETCHER)}`, ...ask)).split(`"file"`).length - 1;
    if (rows >= HOLDERS.length) return;
    if (performance.now() > deadline) throw new SwarmFailed(`Only ${rows} holders are in the index`);
  }
}

const MANY = 10_000;

/** Many small files, as one broadcast of a folder. */
export function manyFiles({ hosts, rate }: Wanted): Experiment {
  const name = `${OURS}, ${MANY} files`;
  const prepare = async (stage: Stage): Promise<Attempt> => {
    const attempt = await prepareOurs(stage, { name: "small" });
    const folder = (host: number) => join(stage.share(host), "small");
    return {
      ...attempt,
      // One doesn't count 80,000 files every few milliseconds: it says itself when all are done, and is checked afterwards.
      finished: () => {
        const end = attempt.broadcast().end;
        if (end && end.code !== 0) {
          throw new SwarmFailed(`rs broadcast ended with ${end.code}: ${stage.said(SOURCE)}`);
        }
        return end?.at;
      },
      marks: folder,
      compare: async (host) => void await run("diff", "-rq", folder(SOURCE), folder(host)),
    };
  };
  return {
    title: `${MANY} files of ${SMALL_SIZE} bytes to ${hosts} receivers`,
    plan: planLan({ labs: [hosts + 1], rate }),
    size: MANY * SMALL_SIZE,
    // The content as it came, its files beside it, their index.
    room: 4 * MANY * SMALL_SIZE,
    receivers: receiversOf(hosts),
    contenders: [{ name, verifies: true, programs: [], prepare }],
    targets: [{ name, figure: "seconds over 3 F/B", atMost: 2 }],
    fill: async (stage) => void await makeSmall(join(stage.share(SOURCE), "small"), MANY),
  };
}

/** How often the source's wire is looked at, milliseconds. */
const SAMPLE_MS = 250;

/** `rs broadcast --rate`: whether the source keeps to it. */
export function rateLimit({ hosts, rate, size }: Wanted, limit: number): Experiment {
  const name = `${OURS}, --rate`;
  const prepare = async (stage: Stage): Promise<Attempt> => {
    const attempt = await prepareOurs(stage, { flags: ["--rate", `${limit / 1e6}MB/s`] });
    const samples: { at: number; bytes: number }[] = [];
    let next = 0;
    const step = async () => {
      if (performance.now() < next) return;
      next = performance.now() + SAMPLE_MS;
      samples.push({ bytes: await stage.lan.sent(SOURCE), at: performance.now() });
    };
    const notes = () => Promise.resolve({ "sent by the limit": pace(samples, stage.size) / limit });
    return { ...attempt, step, notes };
  };
  const figure = "sent by the limit";
  return {
    title: `rs broadcast --rate ${limit / 1e6}MB/s to ${hosts} receivers`,
    plan: planLan({ labs: [hosts + 1], rate }),
    size,
    receivers: receiversOf(hosts),
    contenders: [{ name, verifies: true, programs: [], prepare }],
    targets: [{ name, figure, atMost: 1.05 }, { name, figure, atLeast: 0.95 }],
  };
}

/** Payload per second while the middle of the file went out, in bytes; the ends hold starting and asking. */
export function pace(samples: readonly { at: number; bytes: number }[], size: number): number {
  const start = samples[0]?.bytes ?? 0;
  const middle = samples.filter(({ bytes }) => bytes - start > 0.1 * size && bytes - start < 0.9 * size);
  const [first, last] = [middle[0], middle.at(-1)];
  if (!first || !last || first === last) {
    throw new SwarmFailed("Too short to tell the rate: take a larger --size");
  }
  return (last.bytes - first.bytes) / (last.at - first.at) * 1000 * PAYLOAD;
}
