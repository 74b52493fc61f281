/** The connection to NATS at its end, against a real one. */

import { assertRejects } from "@std/assert";
import { within } from "../../base/_patience.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { clusterOfFile } from "./_cluster.ts";
import { NatsLink, Unanswered } from "./link.ts";
import { parsePlace } from "./place.ts";

const cluster = clusterOfFile({ count: 1 });

Deno.test({
  name: "NATS link: what waits to be tried again when it is closed ends at once",
  ignore: cluster.ignore,
  fn: async () => {
    const paused = Promise.withResolvers<void>();
    let isOpen = false;
    // A pause that only its signal ends.
    const pause = (signal?: AbortSignal) => {
      paused.resolve();
      return new Promise<void>((_, reject) =>
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true })
      );
    };
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => isOpen ? pause(signal) : systemClock.sleep(ms, signal),
    };
    const options = { clock, random: systemRandom, log: silentLogger };
    const link = await NatsLink.open({ place: parsePlace(cluster.url), ...options });
    isOpen = true;
    // No bucket has that name, so NATS doesn't take it.
    const marking = assertRejects(() => link.mark("none", "mark"), Unanswered);
    await within("the pause before the next attempt", paused.promise);
    await link.close();
    await within("the end of what was asked for", marking);
  },
});
