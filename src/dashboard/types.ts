/** What the page shows and what it may ask for: the contract between the registration server's wiring and the page. */

/** A PC that is or was registered. */
export interface PeerRow {
  name: string;
  host: string;
  address: string;
  port: number;
  /** "awaited": its connection broke a moment ago. */
  state: "here" | "awaited" | "off";
  /** When its registration ends, milliseconds since 1970; 0 when it is off. */
  until: number;
  /** Registrations of the last 30 days. */
  times: number;
  /** The latest of them, milliseconds since 1970. */
  registered: number;
  /** How many files it has announced. */
  files: number;
}

/** A file under a name. */
export interface FileRow {
  name: string;
  title: string;
  size: number;
  sha256: string;
  /** ISO 8601 UTC. */
  modified: string;
  /** PCs that are here and hold it. */
  holders: number;
  /** PCs that hold it, those that are off included. */
  known: number;
  /** Name of the one that alone holds it: of those that are here; of all, if none is. */
  holder?: string;
}

/** A broadcast as a whole. */
export interface BroadcastRow {
  id: string;
  name: string;
  from: string;
  size: number;
  files: number;
  state: "running" | "waiting" | "done" | "withdrawn" | "expired";
  /** Milliseconds since 1970, as is `expires`. */
  began: number;
  expires: number;
  done: number;
  waiting: number;
  failed: number;
  /** Why it waits, where nobody can deliver it any more. */
  reason?: string | undefined;
  /** Verified bytes of all its PCs together. */
  bytes: number;
}

/** One PC of a broadcast. */
export interface PcRow {
  name: string;
  active: boolean;
  state: "waiting" | "receiving" | "done" | "failed";
  /** Verified bytes. */
  bytes: number;
  /** Why it failed. */
  reason?: string;
}

/** Files that come to the registration server, or were asked for on the page. */
export interface TransferRow {
  id: string;
  kind: "received" | "collect" | "broadcast";
  name: string;
  /** The PC at the other end; empty for all. */
  peer: string;
  bytes: number;
  total: number;
  state: "running" | "done" | "failed";
  /** When it began, milliseconds since 1970. */
  at: number;
  /** What became of it, or why it failed. */
  note?: string;
}

/** Something that happened, as the log says it. */
export interface EventRow {
  /** Counts up. */
  n: number;
  /** Milliseconds since 1970. */
  at: number;
  level: "info" | "warn" | "error";
  text: string;
}

/** A file or a folder of the share of the registration server's own PC. */
export interface ShareEntry {
  name: string;
  isFolder: boolean;
  size: number;
}

/** What stands at the head of the page. */
export interface About {
  name: string;
  address: string;
  mode: "open" | "secured";
  version: string;
}

/** The lab as it is now. Nothing here may wait. */
export interface LabView {
  readonly about: About;
  peers(): PeerRow[];
  broadcasts(): BroadcastRow[];
  /** @throws {LabError} "not_found". */
  pcs(id: string): PcRow[];
  transfers(): TransferRow[];
  /** Another number than before whenever `files` would give something else. */
  filesVersion(): number;
  files(): Iterable<FileRow>;
  /** Names of those who hold a file, and whether they are here. */
  holders(file: { name: string; sha256: string; size: number }): { name: string; active: boolean }[];
}

/** What the page may have done; each throws a LabError with a sentence for the person. What is missing isn't offered. */
export interface LabActions {
  /** Files and folders right below a folder of our own share; "" for the share itself. */
  share(folder: string): Promise<ShareEntry[]>;
  /** Begins a broadcast out of our own share; to everybody unless told. */
  broadcast(order: { paths: string[]; to?: string[] }): Promise<void>;
  retry(id: string): Promise<void>;
  withdraw(id: string): Promise<void>;
  /** Begins to fetch what matches, from one PC, or from each into a folder of its own. */
  collect?(order: { patterns: string[]; from?: string }): Promise<void>;
  /** Makes a join code; `join` says what to type on the PC. */
  invite?(order: { role: "member" | "lead"; hours: number; uses?: number }): Promise<
    { code: string; role: string; expires: string; join: string[] }
  >;
}
