/** What outlives a restart of the broadcasts: a part of the store's contract, and kept by its rules. */

/** A broadcast without its files. */
export interface BroadcastHead {
  id: string;
  /** What people call it. */
  name: string;
  /** Who sends it, as it calls itself. */
  peer: string;
  /** The sender's cookie, if it is a peer: a secret between it and us. */
  cookie: string | undefined;
  /** Bytes of all files. */
  bytes: number;
  /** How many files there are. */
  files: number;
  /** The receivers; everybody when undefined. */
  to: readonly string[] | undefined;
  /** Milliseconds since 1970, as is `expires`. */
  began: number;
  expires: number;
  /** All its files are known. */
  whole: boolean;
  withdrawn: boolean;
}

/** A file of a broadcast. */
export interface BroadcastFile {
  name: string;
  size: number;
  sha256: string;
  /** Where it lies in the registration server's own share, and its time there; undefined where it doesn't. */
  here?: { name: string; modified: string } | undefined;
}

/** How it stands with one PC of a broadcast. */
export interface Receipt {
  id: string;
  /** The PC's name. */
  peer: string;
  /** Whose receipt it is, where that was known: a name may be another's later. A secret, as the sender's. */
  cookie?: string | undefined;
  state: "waiting" | "done" | "failed";
  /** When it became so, milliseconds since 1970. */
  at: number;
  /** Why it failed. */
  code?: string | undefined;
  reason?: string | undefined;
}

/** Tells whether a receipt is of a PC, and not of one that had its name before; not known to be another's counts as its own. */
export function isOf(
  { cookie }: Pick<Receipt, "cookie">,
  pc: { cookie?: string | undefined } | undefined,
): boolean {
  return cookie === undefined || pc?.cookie === undefined || cookie === pc.cookie;
}

/** Tells whether a receipt would undo an earlier one: who is done stays done. Of two PCs that had one name, the later counts. */
export function undoes(receipt: Receipt, before: Receipt | undefined): boolean {
  return before?.state === "done" && receipt.state !== "done" && isOf(before, receipt);
}

/** Where broadcasts are kept. */
export interface BroadcastStore {
  /** All broadcasts, and all receipts; in any order. */
  load(): Promise<{ heads: BroadcastHead[]; receipts: Receipt[] }>;
  /** Keeps a broadcast, new or changed. */
  save(head: BroadcastHead): Promise<void>;
  /**
   * Keeps files of a broadcast; those at the same or later places are forgotten first.
   *
   * @param at place of the first of them.
   */
  saveFiles(id: string, at: number, files: readonly BroadcastFile[]): Promise<void>;
  /** The files of a broadcast, in their order. */
  files(id: string): Promise<BroadcastFile[]>;
  /** Keeps receipts, new or changed. */
  saveReceipts(receipts: readonly Receipt[]): Promise<void>;
  /** Forgets a broadcast with all that belongs to it. */
  forget(id: string): Promise<void>;
}

/** Keeps broadcasts for as long as the object lives. */
export class MemoryBroadcasts implements BroadcastStore {
  #heads = new Map<string, BroadcastHead>();
  #files = new Map<string, BroadcastFile[]>();
  #receipts = new Map<string, Map<string, Receipt>>();

  load(): Promise<{ heads: BroadcastHead[]; receipts: Receipt[] }> {
    const receipts = [...this.#receipts.values()].flatMap((of) => [...of.values()]);
    return Promise.resolve({ heads: [...this.#heads.values()], receipts });
  }

  save(head: BroadcastHead): Promise<void> {
    this.#heads.set(head.id, { ...head });
    return Promise.resolve();
  }

  saveFiles(id: string, at: number, files: readonly BroadcastFile[]): Promise<void> {
    this.#files.set(id, [...(this.#files.get(id) ?? []).slice(0, at), ...files]);
    return Promise.resolve();
  }

  files(id: string): Promise<BroadcastFile[]> {
    return Promise.resolve([...this.#files.get(id) ?? []]);
  }

  saveReceipts(receipts: readonly Receipt[]): Promise<void> {
    for (const receipt of receipts) {
      const of = this.#receipts.get(receipt.id) ?? new Map<string, Receipt>();
      this.#receipts.set(receipt.id, of);
      of.set(receipt.peer, { ...receipt });
    }
    return Promise.resolve();
  }

  forget(id: string): Promise<void> {
    for (const kept of [this.#heads, this.#files, this.#receipts]) kept.delete(id);
    return Promise.resolve();
  }
}
