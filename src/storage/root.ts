/**
 * A folder that we may work in: the share, the data folder, or what a person named. Every path that storage touches is
 * made here, out of a root and a checked name, so nothing outside can be named. Links are looked through: one that
 * leads out of the root is refused, for reading and for writing alike.
 *
 * Permissions are asked about (never asked for) when a root is opened; only `cli` may ask the person.
 */

import { dirname, join, resolve, SEPARATOR } from "@std/path";
import { isReadOnly, LabError } from "../base/errors.ts";
import { checkName, printable } from "../catalog/names.ts";
import { type Access, isGranted } from "./granted.ts";

/** Names that start like this are ours: part files and temporary files. Never indexed, never accepted from the network. */
export const OWN_PREFIX = ".labswarm-";

/** A folder that we may work in. */
export class Root {
  /** Folders below this root that are known to exist and to lie inside. */
  #known = new Set<string>();

  private constructor(
    /** Absolute path as the permission names it. */
    readonly path: string,
    /** The same with all links resolved. */
    private readonly real: string,
  ) {}

  /**
   * Opens a folder; for writing it is made if it's missing.
   *
   * @throws {LabError} "not_permitted" when the sandbox or the file system says no, "failed" when it is no folder.
   */
  static open(path: string, access: Access): Root {
    const absolute = resolve(path);
    requirePermission(absolute, access);
    try {
      if (access === "write") Deno.mkdirSync(absolute, { recursive: true });
      if (!Deno.statSync(absolute).isDirectory) {
        throw new LabError("failed", `Cannot use ${path}: it is not a folder`);
      }
      return new Root(absolute, Deno.realPathSync(absolute));
    } catch (cause) {
      if (cause instanceof Deno.errors.AlreadyExists || cause instanceof Deno.errors.NotADirectory) {
        throw new LabError("failed", `Cannot use the folder ${path}: a file is there; name another place`);
      }
      throw fileError(cause, `Cannot use the folder ${path}`);
    }
  }

  /**
   * A root of which only one file may be touched: one that a person named, and that alone has been granted.
   *
   * @param path of the file.
   * @throws {LabError} "not_permitted" when reading it has not been granted; "failed" when it is a link.
   */
  static ofFile(path: string): Root {
    const absolute = resolve(path);
    requirePermission(absolute, "read");
    try {
      if (Deno.lstatSync(absolute).isSymlink) {
        throw new LabError("failed", `Cannot use ${path}: it is a link; name the file that it leads to`);
      }
      return new Root(dirname(absolute), dirname(Deno.realPathSync(absolute)));
    } catch (cause) {
      throw fileError(cause, `Cannot use ${path}`);
    }
  }

  /**
   * Full path of a checked name below the root; nothing is touched.
   *
   * @throws {LabError} "name_refused".
   */
  pathOf(name: string): string {
    // A checked name needs no normalizing, and joining is dear for ten thousand of them.
    const below = SEPARATOR === "/" ? checkName(name) : checkName(name).replaceAll("/", SEPARATOR);
    return this.path.endsWith(SEPARATOR) ? this.path + below : this.path + SEPARATOR + below;
  }

  /** Full path of one of our own files in the root, such as a part file. */
  ownPath(id: string): string {
    return `${this.path}${this.path.endsWith(SEPARATOR) ? "" : SEPARATOR}${OWN_PREFIX}${id}`;
  }

  /**
   * Full path of a name for reading.
   *
   * @throws {LabError} when it isn't there, or a link on the way leads out of the root.
   */
  pathToRead(name: string): string {
    const path = this.pathOf(name);
    this.#requireInside(path, name);
    return path;
  }

  /**
   * Like {@linkcode pathToRead} for a caller that looks itself whether the last part is a file and no link, and that
   * calls {@linkcode refresh} now and then: folders are looked through once.
   */
  pathInKnownFolder(name: string): string {
    const path = this.pathOf(name);
    const folder = dirname(path);
    if (folder !== this.path && !this.#known.has(folder)) {
      this.#requireInside(folder, name);
      this.#known.add(folder);
    }
    return path;
  }

  /**
   * Full path of a name for writing; the folders on the way are made.
   *
   * @throws {LabError} when a file or a link that leads out is in the way.
   */
  pathToWrite(name: string): string {
    const path = this.pathOf(name);
    const folder = dirname(path);
    if (folder === this.path || this.#known.has(folder)) return path;
    let at = this.path;
    for (const part of name.split("/").slice(0, -1)) {
      at = join(at, part);
      if (this.#known.has(at)) continue;
      try {
        Deno.mkdirSync(at);
      } catch (cause) {
        if (!(cause instanceof Deno.errors.AlreadyExists)) {
          throw fileError(cause, `Cannot make the folder ${at}`);
        }
        this.#requireInside(at, name);
        if (!Deno.statSync(at).isDirectory) {
          throw new LabError("failed", `Cannot write ${printable(name)}: ${at} is a file, not a folder`);
        }
      }
      this.#known.add(at);
    }
    return path;
  }

  /** Forgets which folders it has seen: somebody may have changed them since. */
  refresh(): void {
    this.#known.clear();
  }

  #requireInside(path: string, name: string): void {
    let real: string;
    try {
      real = Deno.realPathSync(path);
    } catch (cause) {
      throw fileError(cause, `Cannot reach ${printable(name)}`);
    }
    if (
      real !== this.real &&
      !real.startsWith(this.real.endsWith(SEPARATOR) ? this.real : this.real + SEPARATOR)
    ) {
      throw new LabError(
        "not_permitted",
        `Cannot reach ${printable(name)}: a link on the way leads out of ${this.path}`,
      );
    }
  }
}

/**
 * Throws unless the runtime has been granted this access already; it never asks.
 *
 * @throws {LabError} "not_permitted".
 */
export function requirePermission(path: string, access: Access): void {
  const needed: Access[] = access === "write" ? ["read", "write"] : ["read"];
  for (const name of needed) {
    if (!isGranted(name, path)) {
      throw new LabError(
        "not_permitted",
        `Cannot ${name} ${path}: this program may only touch the folders that were compiled into it`,
      );
    }
  }
}

/** True when two paths name the same place or the first lies below the second. */
export function isWithin(path: string, folder: string): boolean {
  const [inner, outer] = [resolve(path), resolve(folder)];
  return inner === outer || inner.startsWith(outer.endsWith(SEPARATOR) ? outer : outer + SEPARATOR);
}

/**
 * Turns an error of the file system into one of ours, by its kind: disk full, read-only, no permission, not there, held by
 * another program, or the rest.
 *
 * @param what the beginning of the sentence: "Cannot write a.txt".
 * @param os as `Deno.build.os` has it.
 */
export function fileError(cause: unknown, what: string, os: string = Deno.build.os): LabError {
  if (cause instanceof LabError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = osError(cause, os);
  const windows = os === "windows" ? WINDOWS_FAULTS.get(code) : undefined;
  if (windows) return new LabError("failed", `${what}: ${windows}`, { cause });
  if (code === 28 || code === 112 || code === 39) {
    return new LabError("disk_full", `${what}: the disk is full; free some space and try again`, { cause });
  }
  if (code === 122) return new LabError("disk_full", `${what}: your disk quota is used up`, { cause });
  if (isReadOnly(cause, os)) {
    const message = `${what}: that disk is read-only; use a folder that can be written`;
    return new LabError("not_permitted", message, { cause });
  }
  if (cause instanceof Deno.errors.NotFound) {
    return new LabError("not_found", `${what}: it is not there`, { cause });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return new LabError("not_permitted", `${what}: the sandbox of this program forbids it`, { cause });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new LabError(
      "not_permitted",
      `${what}: the system says permission denied; get the right to it, or use another`,
      { cause },
    );
  }
  return new LabError("failed", `${what}: ${message}`, { cause });
}

/** What Windows says in the language of its user, by number. */
const WINDOWS_FAULTS: ReadonlyMap<number | undefined, string> = new Map([
  [32, "another program has it open; close it there"],
  [33, "another program has locked a part of it; close it there"],
  [123, "Windows can't have such a name; use another"],
]);

/** The number in "(os error N)" where it says more than the error's class; on Windows 112 and 39 are a full disk, elsewhere 28. */
function osError(cause: unknown, os: string): number | undefined {
  const text = cause instanceof Error ? cause.message : "";
  const match = /\(os error (\d+)\)/.exec(text);
  const number = match ? Number(match[1]) : undefined;
  if (number === undefined) return /ENOSPC|No space left/i.test(text) ? 28 : undefined;
  if (os === "windows") {
    if (WINDOWS_FAULTS.has(number)) return number;
    return number === 112 || number === 39 ? 112 : undefined;
  }
  return number === 28 || number === 122 ? number : undefined;
}
