/** Keys must not be shared: share and data folder lie apart, however they are named. */

import { assertMatch, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { TempFolder } from "./_testing.ts";
import { demandApart, demandLogPlace, demandNoState } from "./apart.ts";

function world() {
  const temp = new TempFolder();
  for (const name of ["share/docs", "data/inbox/pc7", "data-2"]) temp.folder(name);
  for (const name of ["data/membership.json", "data/inbox/pc7/report.txt", "other.txt"]) temp.file(name);
  return temp;
}

const refused = (work: () => void) => assertThrows(work, LabError, "key");

Deno.test("a share and a data folder that lie in one another are refused", () => {
  using temp = world();
  const at = (...parts: string[]) => temp.at(...parts);
  demandApart(at("share"), at("data"));
  demandApart(at("data-2"), at("data"));
  demandApart(at("not", "yet"), at("data"));
  for (
    const [share, data] of [["data", "data"], ["", "data"], ["data/inbox", "data"], ["share", "share/docs/x"]]
  ) {
    refused(() => demandApart(at(share!), at(data!)));
  }
  refused(() => demandApart(at("share", "..", "data"), at("data")));
});

Deno.test("links and other names of the same folder don't help", () => {
  using temp = world();
  const at = (...parts: string[]) => temp.at(...parts);
  if (Deno.build.os === "windows") {
    refused(() => demandApart(at("DATA"), at("data")));
    return;
  }
  Deno.symlinkSync(at("data"), at("link"));
  refused(() => demandApart(at("link"), at("data")));
  Deno.symlinkSync(at("share"), at("data", "shared"));
  refused(() => demandApart(at("share"), at("data", "shared", "state")));
  refused(() => demandNoState(at("link", "membership.json"), at("data")));
});

Deno.test("what a data folder keeps is not sent, what came into it from outside may be", () => {
  using temp = world();
  const at = (...parts: string[]) => temp.at(...parts);
  for (const path of ["data/inbox", "data/inbox/pc7/report.txt", "other.txt", "share", "missing.txt"]) {
    demandNoState(at(path), at("data"));
  }
  for (const path of ["data", "", "data/membership.json", "data/not-yet.json"]) {
    refused(() => demandNoState(at(path), at("data")));
  }
});

Deno.test("a log takes no place of a folder, there or not yet, and of no file of the program's state", () => {
  using temp = world();
  const folders = { share: temp.at("share"), data: temp.at("data") };
  for (const path of ["data/rs.log", "data/log.json", "data/logs/peer.json", "share/x.log", "peer.json"]) {
    demandLogPlace(temp.at(...path.split("/")), folders);
  }
  const refused = (path: string, of: typeof folders, why: RegExp) =>
    assertMatch(assertThrows(() => demandLogPlace(temp.at(path), of), LabError).message, why);
  refused("data", folders, /lies; name a file, as in --log-file .*labswarm\.log$/);
  refused("share", folders, /a folder of this program/);
  refused("", folders, /a folder of this program/);
  refused("later", { ...folders, data: temp.at("later") }, /a folder of this program/);
  refused("later", { ...folders, data: temp.at("later", "state") }, /a folder of this program/);
  for (
    const name of ["peer.json", "membership.json", "index.csv", "rs.sqlite", "rs.sqlite-wal", "page.key"]
  ) {
    refused(`data/${name}`, folders, /keeps something else there/);
  }
});
