/** The centralised way: every receiver takes the file from one web server. */

import { join } from "@std/path";
import { nginxServer } from "../rivals.ts";
import type { Contender } from "./contender.ts";
import { ended } from "./multicast.ts";
import { FILE, type Program, SOURCE } from "./stage.ts";

const PORT = 8080;

/** nginx and curl. */
export const UNICAST: Contender = {
  name: "unicast",
  verifies: false,
  unicast: true,
  programs: ["nginx", "curl"],
  async prepare(stage) {
    const home = stage.home(SOURCE);
    const server = nginxServer(stage.share(SOURCE), home, PORT, stage.address(SOURCE));
    await Deno.writeTextFile(join(home, "nginx.conf"), server.config);
    stage.start(SOURCE, ...server.command);
    await stage.lan.listening(SOURCE, PORT);
    const url = `http://${stage.address(SOURCE)}:${PORT}/${FILE}`;
    const programs = new Map<number, Program>();
    return {
      start: () => {
        for (const host of stage.receivers) {
          programs.set(host, stage.start(host, "curl", "-sf", "-o", stage.file(host), url));
        }
      },
      finished: (host) => ended(programs.get(host)!, stage.said(host)),
    };
  },
};
