/** Sockets for blocks. That blocks come is shown between PCs, in test/e2e/alone/multicast_test.ts: loopback has no multicast. */

import { assertRejects } from "@std/assert";
import { BlockListener } from "./multicast.ts";

Deno.test("multicast: where a group can't be joined that is said, and no socket is left", async () => {
  await assertRejects(() =>
    BlockListener.open("239.255.1.2", "192.0.2.1", { heard: () => {}, failed: () => {} })
  );
});
