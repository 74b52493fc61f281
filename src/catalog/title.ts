/**
 * The title of a file, out of its first bytes. Only RFCs and Internet-Drafts in plain text have one that we know how to
 * find: after the header block (authors at the right, "Request for Comments: 8446" at the left) the title is the next
 * centred paragraph. Layouts since 1969 differ; what isn't found is left empty, never guessed from the prose.
 */
import { MAX_TITLE, NOT_IN_TITLE } from "./row.ts";

/** Lines in which the header must show up: cover pages of the 1980s are the longest. */
const HEADER_LINES = 30;
/** Most lines of a title: RFC 826 has six. */
const TITLE_LINES = 8;
/** A centred line of a page 72 wide can't start right of its middle; authors and dates do. */
const MIDDLE = 36;

const REQUEST =
  /^\s*(?:Network Working Group\s+)?Requests? for Comments\s*:?\s*#?\s*\d+|^\s*Internet[- ]Draft\b/i;
const COVER = /^\s*(?:NWG\/)?RFC\s*[:#]?\s*\d+(?:\s*$|\s{3,})/i;
const FILE_NAME = /(?:^|\/)rfc-?\d{1,5}\.txt$/i;

const MONTH =
  "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|" +
  "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
const DATE = new RegExp(`^\\s*(?:\\d{1,2}[\\s-]+)?${MONTH}[\\s.-]+(?:\\d{1,2},?\\s+)?\\d{2,4}\\s*$`, "i");
const HEADER_FIELD =
  /^\s*(?:Obsoletes|Obsoleted by|Updates|Updated by|Category|ISSN|STD|BCP|FYI|RTR|IEN|NIC|NWG|Intended status|Expires|References|Related|Replaces|See also)\b\s*(?:RFCs?\s*)?[:#]/i;
const HEADER_OTHER =
  /^\s*(?:Network Working Group|Internet Engineering Task Force|NIC\s+\d+)\s*(?:\(|$|\s{3,})/i;
const SECTION =
  /^\s*(?:\d+\.?\s+)?(?:Status of (?:this|the) (?:memo|document)|Abstract|Table of Contents|Contents|Introduction|Preface|Foreword|Summary|Copyright Notice|prepared (?:for|by)|by)\b\s*[:.]?\s*$/i;
const DRAFT_NAME = /^\s*<?draft-[a-z0-9.-]+>?\s*$/i;
const RULE = /^[\s\-=_*~.]+$/;

function looksLikeRfc(name: string, lines: readonly string[]): boolean {
  if (!/\.txt$/i.test(name)) return false;
  return FILE_NAME.test(name) || headerLine(lines) >= 0;
}

function headerLine(lines: readonly string[]): number {
  const first = lines.slice(0, HEADER_LINES);
  const found = first.findIndex((line) => REQUEST.test(line));
  return found >= 0 ? found : first.findIndex((line) => COVER.test(line));
}

/** Runs of lines that aren't blank. */
function paragraphs(lines: readonly string[]): string[][] {
  const found: string[][] = [];
  let open: string[] | undefined;
  for (const line of lines) {
    if (line.trim() === "") open = undefined;
    else if (open) open.push(line);
    else found.push(open = [line]);
  }
  return found;
}

/** Cover pages set long titles in capitals with a blank line between the lines, and two after them. */
function closeUp(lines: readonly string[]): string[] {
  const isCapitals = (line = "") => /^\s{3,}[^\sa-z][^a-z]*$/.test(line);
  return lines.filter((line, i) =>
    line.trim() !== "" || !isCapitals(lines[i - 1]) || !isCapitals(lines[i + 1])
  );
}

/** Header lines go on after a blank line in some layouts: fields, dates, authors at the right. */
function isHeader(line: string): boolean {
  return line.search(/\S/) >= MIDDLE || HEADER_FIELD.test(line) || HEADER_OTHER.test(line) ||
    DATE.test(line) ||
    REQUEST.test(line) || COVER.test(line);
}

/** RFC 1 and its neighbours say it themselves: "Title: Host Software". */
function saidTitle(paragraph: readonly string[]): string | undefined {
  const at = paragraph.findIndex((line) => /^\s*Title:/i.test(line));
  if (at < 0) return undefined;
  const rest = paragraph.slice(at + 1);
  const end = rest.findIndex((line) => /^\s*[\w ]+:/.test(line));
  return [paragraph[at]!.replace(/^\s*Title:/i, ""), ...rest.slice(0, end < 0 ? rest.length : end)].join(" ");
}

/** Prose and lists start at the left margin and run on; a title of a few lines is set in, unless it fills the line. */
function isTitle(paragraph: readonly string[]): boolean {
  if (paragraph.length > TITLE_LINES) return false;
  const isCentred = paragraph.every((line) => line.search(/\S/) >= 3);
  return isCentred || (paragraph.length <= 2 && paragraph.every((line) => line.length <= 80));
}

function findTitle(lines: readonly string[]): string {
  const header = headerLine(lines);
  const isCover = header >= 0 && !REQUEST.test(lines[header]!);
  const all = paragraphs(isCover ? closeUp(lines.slice(header)) : lines.slice(Math.max(header, 0)));
  // The rest of the header's own paragraph is header; a cover page's header is but its line.
  const body = header >= 0 && !isCover ? all.slice(1) : all;
  for (const paragraph of body) {
    const kept = paragraph.filter((line) => !isHeader(line) && !RULE.test(line) && !DRAFT_NAME.test(line));
    const said = saidTitle(paragraph);
    if (said !== undefined) return said;
    if (kept.length === 0) continue;
    if (SECTION.test(kept[0]!) || !isTitle(kept)) return "";
    return kept.join(" ");
  }
  return "";
}

function tidy(title: string): string {
  const clean = title.replace(/\s+/g, " ").replace(new RegExp(NOT_IN_TITLE, "gu"), "").replace(/ +/g, " ")
    .trim();
  if (clean.length <= MAX_TITLE) return clean;
  return clean.slice(0, MAX_TITLE).replace(/[\ud800-\udbff]$/, "").trimEnd();
}

/**
 * Finds the title of an RFC or Internet-Draft.
 *
 * @param name of the file; only ".txt" files have titles.
 * @param head the first 8 KiB of the file as text, any line ends, form feeds welcome.
 * @returns the title in one line, at most {@linkcode MAX_TITLE} units without controls; empty when there's none.
 * @example
 * ```ts
 * import { titleOf } from "./title.ts";
 * const head = "Network Working Group    D. Waitzman\nRequest for Comments: 1149    BBN STC\n\n\n" +
 *   "   A Standard for the Transmission of IP Datagrams on Avian Carriers\n\nStatus of this Memo\n";
 * if (!titleOf("rfc1149.txt", head).endsWith("Avian Carriers")) throw new Error("found");
 * ```
 */
export function titleOf(name: string, head: string): string {
  const lines = head.slice(0, 8192).replace(/^\ufeff/, "").split(/\r\n|[\n\r\f\v]/).map((line) =>
    line.slice(0, 500)
  );
  return looksLikeRfc(name, lines) ? tidy(findTitle(lines)) : "";
}
