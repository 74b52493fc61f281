/** What is measured: the network, the content, who takes part, and what must come out. */

import { writeRandom } from "../field.ts";
import type { Contender } from "./contender.ts";
import type { LanPlan } from "./lan_plan.ts";
import { planLan } from "./lan_plan.ts";
import { fetchFromFour, labs, manyFiles, rateLimit } from "./scenarios.ts";
import { FAULTS, oursWith } from "./faults.ts";
import { OURS, SECURED } from "./ours.ts";
import { receiversOf, SOURCE, type Stage } from "./stage.ts";

/** A figure and what it must be. */
export interface Target {
  /** Which contender's. */
  name: string;
  /** "by F/B", "seconds over 3 F/B", "share of the link", or one of its notes. */
  figure: string;
  atMost?: number;
  atLeast?: number;
}

/** One experiment. */
export interface Experiment {
  title: string;
  plan: LanPlan;
  /** Bytes of the content. */
  size: number;
  /** Numbers of the hosts that are to get it. */
  receivers: readonly number[];
  contenders: readonly Contender[];
  targets: readonly Target[];
  /** Between which hosts a single flow gives B. */
  flow?: readonly [from: number, to: number];
  /** Makes the content on host 1; by default one file of random bytes. */
  fill?(stage: Stage): Promise<void>;
  /** Bytes that each host's folder takes at most; by default the size. */
  room?: number;
  /** Bits per second of the link by whose share one judges. */
  link?: number;
}

/** What the flags ask for. */
export interface Wanted {
  hosts: number;
  /** Bits per second. */
  rate: number;
  size: number;
  contenders: readonly Contender[];
  fault?: string;
  victim: number;
  labs: boolean;
  uplink?: number;
  fetchFour: boolean;
  many: boolean;
  /** What our `--rate` is told, bytes per second. */
  limit?: number;
}

/** What ours may take at most, by F/B, up to so many receivers. */
const TARGETS: readonly [hosts: number, ratio: number][] = [[8, 1.10], [16, 1.12], [32, 1.15]];

/** The same in a secured lab, up to so many receivers. */
const SECURED_TARGET = { hosts: 16, atMost: 1.15 };

/** One file of random bytes. */
export async function fillOne(stage: Stage): Promise<void> {
  await writeRandom(stage.file(SOURCE), stage.size);
}

/** The experiment that is asked for. */
export function experimentOf(wanted: Wanted): Experiment {
  if (wanted.fault !== undefined) return withFault(wanted, wanted.fault);
  if (wanted.labs) return labs(wanted);
  if (wanted.fetchFour) return fetchFromFour(wanted);
  if (wanted.many) return manyFiles(wanted);
  if (wanted.limit !== undefined) return rateLimit(wanted, wanted.limit);
  return star(wanted);
}

function star({ hosts, rate, size, contenders }: Wanted): Experiment {
  const atMost = TARGETS.find(([up]) => hosts <= up)?.[1];
  return {
    title: `star of ${hosts} receivers`,
    plan: planLan({ labs: [hosts + 1], rate }),
    size,
    receivers: receiversOf(hosts),
    contenders,
    targets: [
      ...atMost === undefined ? [] : [{ name: OURS, figure: "by F/B", atMost }],
      ...hosts > SECURED_TARGET.hosts
        ? []
        : [{ name: SECURED, figure: "by F/B", atMost: SECURED_TARGET.atMost }],
    ],
  };
}

function withFault({ hosts, rate, size, victim }: Wanted, name: string): Experiment {
  const fault = FAULTS.find((one) => one.name === name)!;
  const contender = oursWith(fault, victim);
  const targets: Target[] = Object.entries(fault.notesAtMost ?? {}).map(([figure, atMost]) => ({
    name: contender.name,
    figure,
    atMost,
  }));
  if (fault.atMost !== undefined) {
    targets.push({ name: contender.name, figure: "by F/B", atMost: fault.atMost });
  }
  return {
    title: `star of ${hosts} receivers: ${fault.summary}`,
    plan: planLan({ labs: [hosts + 1], rate }),
    size,
    receivers: receiversOf(hosts),
    contenders: [contender],
    targets,
  };
}
