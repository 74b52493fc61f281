/** Where the other servers are that share the registry: kept in the data folder of each, for the commands of its PC. */

import { join } from "@std/path";
import { messageOf } from "../../base/errors.ts";
import * as v from "../../deps/valibot.ts";
import { readJson, writeAtomic } from "../../storage/atomic.ts";
import type { CommandContext } from "../context.ts";

const SERVERS_FILE = "servers.json";

/** Keeps where the other servers are. A command that can't reach the one on this PC asks them. */
export function keepServers(
  { clock, log }: Pick<CommandContext, "clock" | "log">,
  data: string,
): (servers: readonly string[]) => void {
  return (servers) => {
    writeAtomic(join(data, SERVERS_FILE), JSON.stringify(servers) + "\n", { clock }).catch((cause) =>
      log.debug(`Cannot keep where the other servers are: ${messageOf(cause)}`)
    );
  };
}

/** Where the other servers are, as the one on this PC has kept it. */
export async function keptServers(data: string): Promise<string[]> {
  const parsed = v.safeParse(v.array(v.string()), await readJson(join(data, SERVERS_FILE)));
  return parsed.success ? parsed.output : [];
}
