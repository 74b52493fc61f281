/**
 * What a peer answers the course's own programs: its files, and which there are. Only files of the index are given, as the
 * index knows them: a file that has changed since, or a link that leads out of the share, is not.
 */

import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { printable } from "../../catalog/names.ts";
import { findRfc, listFiles } from "../../catalog/rfc.ts";
import type { IndexRow } from "../../catalog/row.ts";
import type { ClassicAsk, ClassicFile } from "../../protocol/classic/request.ts";
import { readAt } from "../../storage/hashing.ts";
import { fileError, type Root } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import type { ClassicBody, ClassicEnds, ClassicReply } from "../../transport/classic.ts";

/** What a peer answers from. */
export interface ClassicShare {
  root: Root;
  /** Files that are there, as the index knows them. */
  rows: () => readonly IndexRow[];
  /** The port on which these questions come in. */
  port: () => number;
}

/**
 * Answers one request.
 *
 * @throws {LabError} "not_found" for what isn't shared; "changed"; "unsupported" for what only a registration server
 *   answers.
 */
export function answerClassic(share: ClassicShare, ask: ClassicAsk, ends: ClassicEnds): ClassicReply {
  switch (ask.kind) {
    case "index":
      return { answer: indexOf(share, ends) };
    case "file":
      return fileOf(share, ask.file);
    case "wrong":
      throw new LabError("usage", ask.reason);
    default:
      throw new LabError("usage", "A peer gives files and lists them; ask the registration server for this");
  }
}

function indexOf({ rows, port }: ClassicShare, { local }: ClassicEnds): ClassicReply["answer"] {
  const listed = rows().toSorted((a, b) => a.name < b.name ? -1 : 1).slice(0, LIMITS.classicRows)
    .map(({ name, title, size }) => ({ name, title, size, address: local.host, port: port() }));
  return { kind: "index", names: listed.map(({ name }) => name), csv: listFiles(listed) };
}

function fileOf({ root, rows }: ClassicShare, wanted: ClassicFile): ClassicReply {
  const row = "rfc" in wanted ? findRfc(rows(), wanted.rfc) : rows().find(({ name }) => name === wanted.name);
  if (!row) throw new LabError("not_found", "File Not Found");
  const { size, modified } = row;
  return { answer: { kind: "file", size, modified }, body: openFile(root, row) };
}

function openFile(root: Root, { name, size, modified }: IndexRow): ClassicBody {
  const what = `Cannot read ${printable(name)}`;
  try {
    const file = Deno.openSync(root.pathToRead(name), { read: true });
    const now = file.statSync();
    if (!now.isFile || now.size !== size || isoTime(now.mtime) !== modified) {
      file.close();
      throw new LabError("changed", `${what}: it has changed since it was indexed; try again in a moment`);
    }
    return {
      read: (into, offset) => {
        if (readAt(file, into, offset) === into.length) return;
        throw new LabError("changed", `${what}: it became shorter`);
      },
      close: () => file.close(),
    };
  } catch (cause) {
    throw fileError(cause, what);
  }
}
