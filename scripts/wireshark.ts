/**
 * `deno task wireshark`: writes dist/p2pdi.lua, the dissector as the executables write it.
 * `deno task wireshark sample`: records the small lab's day anew, as scripts/wireshark/sample.pcap (root on Linux).
 */

import { fromFileUrl, join } from "@std/path";
import { Lab } from "./programs.ts";
import { Recording } from "./wireshark/record.ts";
import { play } from "./wireshark/scenario.ts";
import { dissectorText } from "./wireshark/tshark.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
/** Messages tell of paths: those in the sample are to look like a lab's, and be the same each time. */
const LAB = "/srv/lab";

async function recordSample(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "labswarm-sample-" });
  const recording = await Recording.start(folder);
  const inside = (name: string) => recording.inside(join(ROOT, "dist", name));
  const lab = new Lab({ rs: inside("rs"), peer: inside("peer") }, { folder: LAB });
  try {
    await play(lab);
  } finally {
    await lab.close();
    await recording.stop();
  }
  const path = join(ROOT, "scripts", "wireshark", "sample.pcap");
  await Deno.writeFile(path, await Deno.readFile(recording.path));
  await Deno.remove(folder, { recursive: true });
  return path;
}

if (import.meta.main) {
  if (Deno.args[0] === "sample") console.log(await recordSample());
  else {
    const path = join(ROOT, "dist", "p2pdi.lua");
    await Deno.writeTextFile(path, await dissectorText());
    console.log(path);
  }
}
