/** The executable `rs`. */

// Not when they run, as other commands are: the runtime keeps compiled code only of what is imported here (README).
import "./commands/rs_serve.ts";
import "./commands/rs_broadcast.ts";
import { main } from "./main.ts";
import { RS } from "./rs_commands.ts";

await main(RS);
