/** Says which of the servers of NATS named by its arguments leads the registry's copies: run on a PC that reaches them. */

import { leaderAmong } from "../../../src/registry/nats/_cluster.ts";

if (import.meta.main) console.log(await leaderAmong(Deno.args, "labswarm"));
