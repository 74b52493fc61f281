/** What the server says of a broadcast in its log, and so on its page. */

import { done, Ear, file, page, receipts, tell } from "./_broadcasting.ts";
import { Lab } from "./_testing.ts";

Deno.test("of a broadcast that is called 2 files, they have arrived, and go on", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const several = { name: "2 files", files: [file("a.iso"), file("b.iso")] };
  const link = await tell(lab, several);
  const again = lab.log.next(/Broadcast .*2 files go on/);
  await link.request(page(several), "Noted");
  await again;
  await receipts(link, [done("pc1")], { over: true });
  const arrived = lab.log.next(/Offer +pc2: 2 files have arrived/);
  await lab.join("pc2", undefined, 1002, new Ear().handler);
  await arrived;
});
