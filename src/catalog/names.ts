/**
 * Names of files and peers. They come from the network and are hostile: what passes here is safe to join to a folder
 * on Windows, macOS and Linux alike, so that a Linux peer can't poison a Windows one. The rules are the same on every
 * platform; a name is refused, never repaired, except where a function says that it makes a name.
 */
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { printable, UNPRINTABLE } from "../base/text.ts";

export { printable };

/** Any part that starts with this, in any case, is ours alone: temporary files live there, never in the index. */
const RESERVED_PREFIX = ".labswarm";

/** Longest part, in UTF-16 units and in bytes. */
const MAX_PART = LIMITS.namePart;
/** Longest whole name in UTF-8 bytes. */
const MAX_NAME_BYTES = LIMITS.nameBytes;
/** Most parts in a name. */
export const MAX_PARTS = LIMITS.nameParts;
/** Longest peer name in characters (code points). */
const MAX_PEER_NAME = LIMITS.peerName;

/** What Windows forbids, controls, lone surrogates, line separators, bidi overrides and isolates, BOM. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}<>:"|?*\\\u202a-\u202e\u2066-\u2069\ufeff]/u;
const ALL_FORBIDDEN = new RegExp(FORBIDDEN, "gu");
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");
/** Device names of Windows, which it finds before any extension and before spaces in front of that. */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
/** Characters that macOS's HFS+ drops when it compares names. */
const IGNORED_BY_MAC = /[\u200c-\u200f\u206a-\u206f]/g;
/** The 8.3 alias that Windows gives to a folder that starts with our prefix. */
const RESERVED_ALIAS = /^labswa~[0-9]/i;
/** Words that stand for something else where a peer's name is asked. */
const RESERVED_PEERS = new Set(["rs", "all"]);

/** Number of UTF-8 bytes of a text; a lone surrogate counts as the three of U+FFFD. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) bytes += 2, i++;
    else bytes += 2;
  }
  return bytes;
}

/** Tells whether the UTF-8 form is longer than `max` bytes; cheap for short texts. */
function longerThan(text: string, max: number): boolean {
  return text.length * 3 > max && (text.length > max || utf8Length(text) > max);
}

function characterFault(name: string): string | undefined {
  const found = FORBIDDEN.exec(name)?.[0];
  if (found === undefined) return undefined;
  if (found === "\\") return 'it has a backslash; folders are separated by "/"';
  if (found === ":") return /^[a-z]:/i.test(name) ? "it starts with a drive letter" : "it has a colon";
  if (/\p{Cs}/u.test(found)) return "it has half a character (a lone surrogate)";
  return UNPRINTABLE.test(found)
    ? `it has the control character ${printable(found)}`
    : `it has the character ${found}, which Windows forbids`;
}

const shownPart = (part: string) => `its part "${printable(part, 60)}"`;

/**
 * Says why Windows would make something else of one part of a path that a person gives: a device, a stream, another name.
 * Names that are ours, and long ones, are no business of it.
 *
 * @returns a short reason, or undefined when it would be what it says.
 * @example
 * ```ts
 * import { windowsFault } from "./names.ts";
 * if (windowsFault("con") === undefined || windowsFault(".labswarm") !== undefined) throw new Error("con is a device");
 * ```
 */
export function windowsFault(part: string): string | undefined {
  return characterFault(part) ?? endFault(part) ?? deviceFault(part);
}

function endFault(part: string): string | undefined {
  const last = part.charCodeAt(part.length - 1);
  return last === 0x2e || last === 0x20 ? `${shownPart(part)} ends with a dot or a space` : undefined;
}

function deviceFault(part: string): string | undefined {
  return DEVICE.test(part) ? `${shownPart(part)} is a Windows device name` : undefined;
}

function partFault(part: string): string | undefined {
  const shown = () => shownPart(part);
  if (part === "") return "it has an empty part";
  if (part === "." || part === "..") return `it has the part "${part}"`;
  const end = endFault(part);
  if (end !== undefined) return end;
  if (part.charCodeAt(0) === 0x20) return `${shown()} starts with a space`;
  const device = deviceFault(part);
  if (device !== undefined) return device;
  if (longerThan(part, MAX_PART)) return `${shown()} is longer than ${MAX_PART} bytes`;
  const bare = part.replace(IGNORED_BY_MAC, "").toLowerCase();
  if (bare.startsWith(RESERVED_PREFIX) || RESERVED_ALIAS.test(bare)) {
    return `${shown()} is reserved for LabSwarm`;
  }
  return undefined;
}

/**
 * Says what is wrong with a file's name, relative to a share, "/" between its parts.
 *
 * Doesn't ask whether such a file exists, nor whether its name collides with another: see {@linkcode nameKey}.
 *
 * @param name the name as it came, at most {@linkcode MAX_NAME_BYTES} bytes of UTF-8 in any normal form.
 * @returns a short reason, or undefined when the name is fine.
 * @example
 * ```ts
 * import { nameFault } from "./names.ts";
 * if (nameFault("docs/report.txt") !== undefined) throw new Error("fine on every platform");
 * if (nameFault("con.txt") !== 'its part "con.txt" is a Windows device name') throw new Error("refused");
 * ```
 */
export function nameFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (longerThan(name, MAX_NAME_BYTES)) return `it is longer than ${MAX_NAME_BYTES} bytes`;
  if (name.startsWith("/")) return "it is an absolute path";
  const fault = characterFault(name);
  if (fault !== undefined) return fault;
  const parts = name.split("/");
  if (parts.length > MAX_PARTS) return `it has ${parts.length} parts; the limit is ${MAX_PARTS}`;
  for (const part of parts) {
    const fault = partFault(part);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Lets a good name through.
 *
 * @param name see {@linkcode nameFault}.
 * @returns the same name.
 * @throws {LabError} "name_refused" with the reason.
 * @example
 * ```ts
 * import { checkName } from "./names.ts";
 * if (checkName("a/b.txt") !== "a/b.txt") throw new Error("unchanged");
 * ```
 */
export function checkName(name: string): string {
  const fault = nameFault(name);
  if (fault !== undefined) {
    throw new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${fault}`);
  }
  return name;
}

/**
 * Two names with the same key are one file on Windows or macOS.
 *
 * @param name a valid name.
 * @returns its NFC form in lower case; for comparing only, never a name to write.
 * @example
 * ```ts
 * import { nameKey } from "./names.ts";
 * if (nameKey("Cafe\u0301.TXT") !== nameKey("café.txt")) throw new Error("the same file on macOS");
 * ```
 */
export function nameKey(name: string): string {
  // A capital sigma becomes one of two small ones, by its place in the word; both are the same letter.
  return name.normalize("NFC").toLowerCase().replaceAll("ς", "σ").normalize("NFC");
}

/** Tells whether a person means this peer, whose name is unique whatever its case. */
export function isNamed(peer: string, said: string): boolean {
  return peer === said || nameKey(peer) === nameKey(said);
}

/**
 * Says what is wrong with a peer's name: one part by the rules for files, 1 to 64 characters, all of them to be seen, no
 * leading dot, and not one of the words "rs" and "all".
 *
 * @returns a short reason, or undefined when the name is fine.
 * @example
 * ```ts
 * import { peerNameFault } from "./names.ts";
 * if (peerNameFault("pc7") !== undefined || peerNameFault("all") === undefined) throw new Error("all is reserved");
 * ```
 */
export function peerNameFault(name: string): string | undefined {
  if (name.includes("/")) return "it has a slash";
  const fault = nameFault(name);
  if (fault !== undefined) return fault;
  if (name.startsWith(".")) return "it starts with a dot";
  // "rs" with a zero-width character behind it would look like the registration server.
  const unseen = UNPRINTABLE.exec(name)?.[0];
  if (unseen !== undefined) return `it has the character ${printable(unseen)}, which can't be seen`;
  // In UTF-16 units, as the wire counts.
  const { length } = name;
  if (length > MAX_PEER_NAME) return `it has ${length} characters; the limit is ${MAX_PEER_NAME}`;
  if (RESERVED_PEERS.has(name.replace(IGNORED_BY_MAC, "").toLowerCase())) {
    return `"${name}" is a reserved word`;
  }
  return undefined;
}

/** Replaces what no name may hold and what `--to NAME,...` could not say; trims. May come out empty. */
function cleanLabel(raw: string): string {
  const safe = raw.slice(0, MAX_NAME_BYTES).normalize("NFC").replace(ALL_FORBIDDEN, "-").replace(
    ALL_UNPRINTABLE,
    "-",
  );
  return trimLabel(safe.replace(/[/,]/g, "-"));
}

function trimLabel(text: string): string {
  return text.replace(/^[ .]+/, "").replace(/(?<![ .])[ .]+$/, "");
}

/**
 * Makes a valid peer name out of a host name, or of anything; never fails.
 *
 * @param raw what the system calls itself.
 * @returns a name that {@linkcode peerNameFault} finds nothing wrong with; "peer" as the last resort. Not unique.
 * @example
 * ```ts
 * import { cleanPeerName } from "./names.ts";
 * if (cleanPeerName("LAB/PC:7. ") !== "LAB-PC-7") throw new Error("cleaned");
 * ```
 */
export function cleanPeerName(raw: string): string {
  const label = cleanLabel(raw) || "peer";
  for (const candidate of [label, `peer-${label}`]) {
    const cut = trimLabel(cutBytes([...candidate].slice(0, MAX_PEER_NAME).join(""), MAX_PART));
    if (peerNameFault(cut) === undefined) return cut;
  }
  return "peer";
}

/** Longest peer label and longest extension kept in a conflict name, bytes: some stem must stay in 255. */
const MAX_LABEL_BYTES = 100;
const MAX_EXTENSION_BYTES = 32;

/** The longest start of a text that has at most `max` UTF-8 bytes; never cuts a character in two. */
function cutBytes(text: string, max: number): string {
  if (!longerThan(text, max)) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += utf8Length(character);
    if (bytes > max) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/**
 * The name under which a file is kept when another has its name already.
 *
 * A stem that gets too long is shortened. When even that isn't enough, because the folders use up the whole length,
 * the innermost folders are left out.
 *
 * @param name the valid name that is taken.
 * @param peer where the newcomer is from; made safe if it isn't.
 * @param attempt 1 at first; 2, 3, ... when the answer is taken too.
 * @throws {LabError} "name_refused" when the name itself is not valid.
 * @example
 * ```ts
 * import { conflictName } from "./names.ts";
 * if (conflictName("a/report.txt", "pc7") !== "a/report (pc7).txt") throw new Error("first");
 * if (conflictName("a/report.txt", "pc7", 2) !== "a/report (pc7 2).txt") throw new Error("second");
 * ```
 */
export function conflictName(name: string, peer: string, attempt = 1): string {
  checkName(name);
  const { folder: folders, stem, extension } = inParts(name);
  const label = trimLabel(cutBytes(cleanLabel(peer), MAX_LABEL_BYTES)) || "peer";
  const tail = ` (${label}${attempt > 1 ? ` ${attempt}` : ""})${extension}`;
  const tailBytes = utf8Length(tail);
  let folder = folders;
  // Four bytes: any one character of the stem.
  while (folder !== "" && utf8Length(folder) + tailBytes + 4 > MAX_NAME_BYTES) {
    folder = folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
  }
  const room = Math.min(MAX_PART, MAX_NAME_BYTES - utf8Length(folder)) - tailBytes;
  return folder + cutBytes(stem, room) + tail;
}

/**
 * The name under which a file is kept that a broadcast has replaced: its own and the time. A stem that gets too long is
 * shortened.
 *
 * @param name the valid name that it had.
 * @param time when it was replaced, as part of a name.
 * @param attempt 1 at first; 2, 3, ... when the answer is taken.
 * @example
 * ```ts
 * import { replacedName } from "./names.ts";
 * if (replacedName("a/b.txt", "2026") !== "a/b.txt.2026") throw new Error("first");
 * if (replacedName("a/b.txt", "2026", 2) !== "a/b.txt.2026-2") throw new Error("second");
 * ```
 */
export function replacedName(name: string, time: string, attempt = 1): string {
  const { folder, stem, extension } = inParts(name);
  const tail = `${extension}.${time}${attempt > 1 ? `-${attempt}` : ""}`;
  return folder + cutBytes(stem, MAX_PART - utf8Length(tail)) + tail;
}

/** A name's folder, with the slash; its last part up to the extension; the extension, unless it's so long that it isn't one. */
function inParts(name: string): { folder: string; stem: string; extension: string } {
  const slash = name.lastIndexOf("/") + 1;
  const last = name.slice(slash);
  const dot = last.lastIndexOf(".");
  const extension = dot > 0 && !longerThan(last.slice(dot), MAX_EXTENSION_BYTES) ? last.slice(dot) : "";
  return { folder: name.slice(0, slash), stem: last.slice(0, last.length - extension.length), extension };
}
