/** The executable `rs`. */

import { main } from "./main.ts";
import { RS } from "./rs_commands.ts";

await main(RS);
