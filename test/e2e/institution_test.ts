/** The institution of scripts/lab: it is built, the whole product is demonstrated on it, and it is taken away. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { down, isUp, on, up, whyNot } from "../../scripts/lab/build.ts";
import { demonstrate, leastSeconds } from "../../scripts/lab/demo.ts";
import { SITE } from "../../scripts/lab/site.ts";
import { PROGRAMS } from "./lab.ts";

const reason = await whyNot();
if (reason !== undefined && Deno.env.get("LABSWARM_REQUIRE_NETNS") === "1") throw new Error(reason);

const name = "three labs and a server room: up, the demonstration, down";
Deno.test({
  name: reason === undefined ? name : `${name} (skipped: ${reason})`,
  ignore: reason !== undefined,
  fn: async () => {
    // Others on this machine may have theirs.
    const prefix = `lst${Deno.pid}-`;
    try {
      await up(SITE, prefix);
      assert(await isUp(prefix));
      const [command, ...args] = on("lab1-pc1", prefix, "ip", "route", "get", "10.20.3.11");
      const { stdout } = await new Deno.Command(command, { args }).output();
      assert(new TextDecoder().decode(stdout).includes("via 10.20.1.1"));

      const said: string[] = [];
      const demonstration = {
        site: SITE,
        prefix,
        programs: PROGRAMS,
        say: (line: string) => said.push(line),
      };
      const transfers = await demonstrate({ ...demonstration, size: 300_000 });
      assertEquals(transfers.map(({ what }) => what).filter((what) => what !== "broadcast"), [
        ...["send", "send", "fetch", "fetch"],
      ]);
      assertEquals(transfers.filter(({ what }) => what === "broadcast").length, 8);
      // Nothing is faster than its cable: the limits are in force.
      const across = transfers.filter(({ to, what }) => what === "fetch" && to === "lab3-pc1");
      for (const transfer of across) assertGreater(transfer.seconds, leastSeconds(transfer));
      assert(said.some((line) => /lab3-pc2 +10\.20\.3\.12:/.test(line)));

      // What doesn't hold is said: a program that ends at once.
      const broken = { ...PROGRAMS, rs: ["/bin/false"] as const };
      await assertRejects(() => demonstrate({ ...demonstration, programs: broken, size: 1 }), Error);
    } finally {
      await down(prefix);
    }
    assertEquals(await isUp(prefix), false);
  },
});
