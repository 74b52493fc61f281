/** The executable `peer`. */

// Not when they run, as other commands are: the runtime keeps compiled code only of what is imported here (README).
import "./commands/peer_serve.ts";
import "./commands/peer_fetch.ts";
import { main } from "./main.ts";
import { PEER } from "./peer_commands.ts";

await main(PEER);
