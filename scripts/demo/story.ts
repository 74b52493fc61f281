/** The story that the demo plays: four PCs, from the first registration to the empty list. */

import { formatBytes } from "../../src/base/units.ts";
import type { JsonLine, Running } from "../programs.ts";
import { hashOf, IMAGE, IMAGE_SIZE, makeShare, SHARES, TITLES } from "./files.ts";
import type { Stage } from "./stage.ts";

const PCS = Object.keys(SHARES);
const COLUMNS = "name,title,size,sha256,modified,flag";
/** What a fetch may take from the network twice, at most: pieces that were on their way when it was killed. */
const TWICE = 0.05;
const GONE = "notes/tuesday.txt";
/** How fast anna sends. */
const RATE = "25MB/s";

/** Plays it all. */
export async function play(stage: Stage): Promise<void> {
  const rs = await openServer(stage);
  await register(stage, rs);
  await list(stage);
  await index(stage);
  await fetchOne(stage);
  await killAndResume(stage, rs);
  await fetchAll(stage);
  await deleteAndRestore(stage);
  await send(stage);
  await leave(stage, rs);
}

interface Server {
  running: Running;
  address: string;
}

async function openServer(stage: Stage): Promise<Server> {
  stage.tell.step(
    "A registration server opens",
    "One PC of the lab knows who is there and who has what. Files never pass through it.",
  );
  const running = stage.serve("rs", "server", ["serve", "--open", "--port", "0", "--json"]);
  const { port } = await running.event("listening");
  await running.until(() => /Listening/.exec(running.stderr)?.[0], "the line that says where it listens");
  stage.tell.output(running.stderr);
  stage.tell.check(`it accepts connections, on port ${port}`, true);
  return { running, address: `127.0.0.1:${port}` };
}

function serveArguments(pc: string, rs: Server): string[] {
  const args = [
    "serve",
    "--rs",
    rs.address,
    "--name",
    pc,
    "--port",
    "0",
    "--index-interval",
    "1",
    "--accept-open-broadcasts",
    "--json",
  ];
  return pc === "anna" ? [...args, "--rate", RATE] : args;
}

async function register(stage: Stage, rs: Server): Promise<void> {
  stage.tell.step(
    "Three PCs register",
    "anna shares two RFCs, a folder of notes and a file of 60 MB; ben shares two files; cleo's share is empty. " +
      `anna sends at most ${RATE}, so that there is time to see a fetch.`,
  );
  for (const pc of PCS) await makeShare(stage.share(pc), pc);
  const before = rs.running.stderr.length;
  const registered: JsonLine[] = [];
  for (const pc of PCS) {
    registered.push(await stage.serve("peer", pc, serveArguments(pc, rs)).event("registered"));
  }
  stage.tell.say("The server's terminal shows every message:");
  stage.tell.output(rs.running.stderr.slice(before));
  stage.tell.check(
    "all three are registered, each with a cookie of its own",
    new Set(registered.map((line) => line.cookie)).size === 3,
    registered,
  );
}

async function list(stage: Stage): Promise<void> {
  stage.tell.step("Who is there?", "cleo asks. The one who asks isn't in the list.");
  await stage.shows("peer", "cleo", ["peers"]);
  const { lines } = await stage.asks("peer", "cleo", ["peers"]);
  const names = lines.map((line) => line.name).sort().join();
  stage.tell.check("anna and ben are there", names === "anna,ben", names);
  stage.tell.check(
    "their registrations last two hours",
    lines.every((line) => Number(line.ttl) > 7000),
    lines,
  );
}

async function index(stage: Stage): Promise<void> {
  const { tell } = stage;
  tell.step("Who has what?", "Every peer tells the server what it shares, with the SHA-256 of each file.");
  const wanted = [...await stage.hashes("anna"), ...await stage.hashes("ben")];
  const inIndex = async () =>
    (await stage.asks("peer", "cleo", ["index"])).lines.filter((line) => line.event === "file");
  await stage.comes(async () => (await inIndex()).length === wanted.length);
  await stage.shows("peer", "cleo", ["index"]);
  const files = await inIndex();
  const found = new Map(files.map((line) => [line.name, line]));
  tell.check(
    `all ${wanted.length} files are listed, with the hashes that the demo computed itself`,
    files.length === wanted.length && wanted.every(([name, hash]) => found.get(name)?.sha256 === hash),
    files,
  );
  tell.check(
    "the RFCs' own titles were found",
    Object.entries(TITLES).every(([name, title]) => found.get(name)?.title === title),
    files,
  );
  await stage.shows("peer", "cleo", ["index", "quality", "of", "service"]);
  tell.say("On each PC the index is a CSV file that a spreadsheet opens. anna's:");
  tell.typed("anna", "cat peer-data/index.csv");
  const [header, ...rows] = await stage.cat("anna", "peer-data/index.csv");
  tell.check(`its columns are ${COLUMNS}`, header === COLUMNS, header);
  tell.check(
    "it has a row for each of anna's 5 files, all with flag 1",
    rows.length === 5 && rows.every((r) => r.endsWith(",1")),
    rows,
  );
}

async function fetchOne(stage: Stage): Promise<void> {
  stage.tell.step("cleo requests one file", "It comes straight from anna's PC.");
  const { code } = await stage.shows("peer", "cleo", ["fetch", "rfc1149.txt"]);
  const [there, here] = [await stage.hash("anna", "rfc1149.txt"), await stage.hash("cleo", "rfc1149.txt")];
  stage.tell.check(
    "the file is in cleo's share, and its SHA-256 is that of anna's",
    code === 0 && here === there,
    here,
  );
}

async function killAndResume(stage: Stage, rs: Server): Promise<void> {
  const { tell } = stage;
  tell.step(
    "A power cut",
    "cleo requests the large file. Half-way her programs are killed, as if by a power cut (kill -9).",
  );
  const cookie = (await stage.serves.get("cleo")!.event("registered")).cookie;
  const fetch = stage.begin("cleo", ["fetch", IMAGE, "--json"]);
  const half = await fetch.event("progress", (line) => Number(line.bytes) >= IMAGE_SIZE / 2);
  const serve = stage.serves.get("cleo")!;
  await Promise.all([serve.kill(), fetch.kill()]);
  tell.output(JSON.stringify(half));
  tell.typed("cleo", `kill -9 ${serve.pid} ${fetch.pid}`);
  const held = await stage.leftBehind("cleo", stage.share("anna", IMAGE));
  const missing = IMAGE_SIZE - held;
  tell.check(
    `killed with ${formatBytes(held)} of ${
      formatBytes(IMAGE_SIZE)
    } on disk, and no file under the final name`,
    held > 0 && missing > 0 && await stage.hash("cleo", IMAGE) === "",
    held,
  );
  tell.say("cleo starts again, and requests the same file again.");
  const back = await stage.serve("peer", "cleo", serveArguments("cleo", rs)).event("registered");
  tell.check(
    "the server knows her by her cookie: she has the name and record that she had",
    back.peer === "cleo" && back.cookie === cookie,
    back,
  );
  const again = stage.begin("cleo", ["fetch", IMAGE, "--json"]);
  const { code, lines, stderr } = await again.ended;
  const fetched = lines.find((line) => line.event === "fetched");
  tell.output(fetched ? JSON.stringify(fetched) : stderr);
  const bytes = Number(fetched?.bytes);
  tell.check(
    `${formatBytes(missing)} were missing, and this run fetched ${formatBytes(bytes)}, not ${
      formatBytes(IMAGE_SIZE)
    }`,
    code === 0 && bytes > 0 && bytes <= missing * (1 + TWICE),
    { code, missing, bytes, stderr },
  );
  const same = await stage.hash("cleo", IMAGE) === await stage.hash("anna", IMAGE);
  tell.check("the file is whole: its SHA-256 is that of anna's", same);
}

async function fetchAll(stage: Stage): Promise<void> {
  const { tell } = stage;
  tell.step(
    "ben requests everything",
    "The large file has two holders by now, and both send. anna alone would need 2.4 s for it.",
  );
  const holders = async () =>
    (await stage.asks("peer", "ben", ["index", IMAGE])).lines.filter((line) => line.event === "file").length;
  tell.check(
    "the server has learnt that cleo holds the large file, too",
    await stage.comes(async () => await holders() === 2),
  );
  const { code } = await stage.shows("peer", "ben", ["fetch", "--all"]);
  const anna = await stage.hashes("anna");
  const ben = await stage.hashes("ben");
  tell.check(
    `all ${anna.size} of anna's files are in ben's share, folder included, with the right SHA-256`,
    code === 0 && [...anna].every(([name, hash]) => ben.get(name) === hash),
    [...ben.keys()],
  );
}

async function deleteAndRestore(stage: Stage): Promise<void> {
  const { tell } = stage;
  const path = stage.share("anna", GONE);
  const text = await Deno.readFile(path);
  const hasFlag = (flag: string) => async () =>
    (await stage.indexRows("anna")).some((row) => row.startsWith(GONE) && row.endsWith(`,${flag}`));
  const show = async () => {
    tell.typed("anna", `grep ${GONE} peer-data/index.csv`);
    await stage.cat("anna", "peer-data/index.csv", (line) => line.startsWith(GONE));
  };
  tell.step(
    "anna deletes a file",
    "The share is looked at each second here (each 30 s, unless told otherwise).",
  );
  tell.typed("anna", `rm share/${GONE}`);
  await Deno.remove(path);
  const gone = await stage.comes(hasFlag("0"));
  await show();
  tell.check("its row stays in index.csv, with flag 0", gone, await stage.indexRows("anna"));
  const listed = async () =>
    (await stage.asks("peer", "cleo", ["index", GONE])).lines.filter((line) => line.event === "file")
      .map((line) => line.peer).join();
  tell.check(
    "the network's index names only ben for it now",
    await stage.comes(async () => await listed() === "ben"),
    await listed(),
  );
  tell.say("She puts it back.");
  await Deno.writeFile(path, text);
  const back = await stage.comes(hasFlag("1"));
  await show();
  tell.check("it is back with flag 1", back, await stage.indexRows("anna"));
}

async function send(stage: Stage): Promise<void> {
  const { tell } = stage;
  const report = await stage.hash("ben", "report.txt");
  tell.step(
    "ben sends a file",
    "To anna, and to the registration server's inbox, as a student hands in a report.",
  );
  const toAnna = await stage.shows("peer", "ben", ["send", "share/report.txt", "--to", "anna"]);
  const got = await stage.hash("anna", "report.txt");
  tell.check("it is in anna's share, with the right SHA-256", toAnna.code === 0 && got === report, got);
  const toRs = await stage.shows("peer", "ben", ["send", "share/report.txt", "--to", "rs"]);
  const inbox = stage.path("server", "rs-data", "inbox", "ben", "report.txt");
  const inBox = await hashOf(inbox).catch(() => "");
  tell.check(
    "it is in rs-data/inbox/ben, with the right SHA-256",
    toRs.code === 0 && inBox === report,
    inBox,
  );
}

async function leave(stage: Stage, rs: Server): Promise<void> {
  const { tell } = stage;
  tell.step("All leave", "Each tells the server, and ends.");
  const before = rs.running.stderr.length;
  for (const pc of PCS) {
    await stage.shows("peer", pc, ["leave"]);
    const { code } = await stage.serves.get(pc)!.ended;
    tell.check(`${pc}'s peer serve has ended with exit code 0`, code === 0, code);
  }
  tell.say("The server's terminal:");
  tell.output(rs.running.stderr.slice(before));
  tell.step(
    "Nobody is there",
    "The list of active peers is empty; the server keeps the records of those who left.",
  );
  const { stdout } = await stage.shows("peer", "cleo", ["peers"]);
  const { lines } = await stage.asks("peer", "cleo", ["peers"]);
  tell.check("the list is empty, as soon as they have left", lines.length === 0, stdout);
  await stage.shows("rs", "server", ["peers"]);
  const records = (await stage.asks("rs", "server", ["peers"])).lines;
  tell.check(
    "the server remembers three peers, none of them active",
    records.length === 3 && records.every((r) => r.active === false),
    records,
  );
}
