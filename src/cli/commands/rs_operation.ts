/** What `rs status` and `rs backup` ask of the `rs serve` on their data folder. */

import { join } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import type { HostPort } from "../../base/units.ts";
import type { ControlCommand } from "../../peer/control.ts";
import { copyKeys, lastBackup } from "../../registry/backup.ts";
import type { SecuredLab } from "../../registry/lab.ts";
import { Rates } from "../../registry/rates.ts";
import type { RegistryServer, RegistryStats } from "../../registry/server.ts";
import { STORE_FILE } from "../../registry/sqlite_file.ts";
import { VERSION } from "../version.ts";

/** How often counters are looked at, milliseconds. */
const SAMPLE_MS = 5_000;
/** Where a copy lies in the data folder until the command has taken it. */
const STAGE_PREFIX = ".backup-";

/** What there is to tell of. */
export interface Operated {
  server: Pick<RegistryServer, "stats" | "copyStore">;
  lab: SecuredLab | undefined;
  /** Where the registry lies, without its password; undefined where that's the data folder. */
  store?: string | undefined;
  /** Absolute path. */
  data: string;
  serves: HostPort;
  clock: Clock;
  /** Ends the sampling. */
  signal: AbortSignal;
}

/** The commands. What a killed backup has left is removed. */
export function operationCommands(operated: Operated): Record<"status" | "backup", ControlCommand> {
  const { server, lab, store, data, serves, clock, signal } = operated;
  const rates = new Rates<"messages" | "errors">();
  const began = clock.monotonic();
  const sample = () => rates.sample(countsOf(server.stats()), clock.monotonic());
  sample();
  const stop = clock.every(SAMPLE_MS, sample);
  signal.addEventListener("abort", stop, { once: true });
  removeStages(data);
  let copies = 0;
  return {
    status(_, tell) {
      const { messages: _messages, shared, ...stats } = server.stats();
      const counts = countsOf(server.stats());
      const now = clock.monotonic();
      const perSecond = rates.perSecond(counts, now);
      tell({
        ...{ event: "status", role: "rs", version: VERSION, ...serves, secured: lab !== undefined },
        uptime: Math.round((now - began) / 1000),
        ...{ ...stats, ...membersOf(lab), messages: counts.messages },
        messagesPerSecond: rounded(perSecond.messages),
        errorsPerSecond: rounded(perSecond.errors),
        residentBytes: Deno.memoryUsage().rss,
        ...shared
          ? { store, reachable: shared.isReachable, servers: shared.others }
          : { lastBackup: lastBackup(data) },
      });
      return Promise.resolve();
    },
    async backup(_, tell) {
      const stage = join(data, `${STAGE_PREFIX}${++copies}`);
      Deno.mkdirSync(stage, { mode: 0o700 });
      try {
        const made = clock.now();
        await server.copyStore(join(stage, STORE_FILE));
        await copyKeys(data, stage);
        tell({ event: "copied", path: stage, made });
      } catch (thrown) {
        Deno.removeSync(stage, { recursive: true });
        throw thrown;
      }
    },
  };
}

function countsOf({ messages, errors }: RegistryStats): Record<"messages" | "errors", number> {
  return { messages: Object.values(messages).reduce((sum, count) => sum + count, 0), errors };
}

function membersOf(lab: SecuredLab | undefined): Record<string, number> {
  if (!lab) return {};
  const revoked = lab.membership.revoked.length;
  return { members: lab.membership.members.length - revoked, revoked };
}

const rounded = (rate: number) => Math.round(rate * 100) / 100;

function removeStages(data: string): void {
  for (const { name } of [...Deno.readDirSync(data)]) {
    if (name.startsWith(STAGE_PREFIX)) Deno.removeSync(join(data, name), { recursive: true });
  }
}
