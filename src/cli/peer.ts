/** The executable `peer`. */

import { main } from "./main.ts";
import { PEER } from "./peer_commands.ts";

await main(PEER);
