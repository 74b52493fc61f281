/** What the main thread and a receive worker say to each other. */

import type { Bytes } from "../base/bytes.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Credentials } from "../join/credentials.ts";
import type { CheckWhole, PartSpec } from "../storage/part_spec.ts";
import type { HolderNews } from "../transport/piece_channel.ts";
import type { Identity } from "../transport/handshake.ts";

/** A piece to ask for on a source's connection. */
export interface PieceOrderWire {
  source: number;
  /** SHA-256 of the manifest: the content's name on the wire. */
  content: string;
  piece: number;
}

/** To the worker. */
export type ReceiveOrder =
  /** `stall`: milliseconds without a byte after which a source that owes one is given up. */
  | {
    kind: "start";
    root: string;
    identity: Identity;
    stall: number;
    /** In a secured lab. */
    credentials?: Credentials | undefined;
  }
  /** Opens the part file of a content; `seed` copies what is in place already into it. */
  | { kind: "open"; content: string; spec: PartSpec; seed: boolean }
  /** Checks pieces that an earlier run may have left: every `step`th from `from` on, before `to`. */
  | { kind: "check"; content: string; from: number; step: number; to: number }
  /** A file that is being hashed yet: the next pieces' hashes; at the end the file's own. */
  | { kind: "learn"; content: string; hashes: Bytes; sha256?: string }
  | { kind: "dial"; source: number; host: string; port: number; id?: string }
  /** These are members no longer: no connection to them is kept or made. */
  | { kind: "revoke"; ids: readonly string[] }
  /** Tells the holder at the other end of a connection instead of whom it is asked. */
  | { kind: "claim"; source: number; content: string; instead: string[]; demoted: boolean }
  /** `paced`: the holder sends no more than a window ahead of what has come. */
  | { kind: "ask"; orders: PieceOrderWire[]; paced: boolean }
  | { kind: "hang-up"; source: number }
  /** Takes what comes of a content by multicast; `at` is an address of this PC. */
  | { kind: "tune"; content: string; at: string; group: string; session: string; key?: string | undefined }
  | { kind: "untune"; content: string }
  | { kind: "finish"; content: string; checkWhole: CheckWhole }
  | { kind: "close"; content: string; discard: boolean }
  | { kind: "hash"; name: string };

/** A file that could not be put in its place, by its place in the content. */
export interface PlaceFault {
  file: number;
  code: ErrorCode;
  message: string;
}

/** From the worker. */
export type ReceiveNews =
  | { kind: "opened"; content: string; span: number }
  | { kind: "checked"; content: string; held: number[] }
  | { kind: "dialled"; source: number }
  | { kind: "lost"; source: number; code: ErrorCode; message: string }
  | { kind: "piece"; source: number; content: string; piece: number; bytes: number }
  | { kind: "bad"; source: number; content: string; piece: number; bytes: number }
  | { kind: "refused"; source: number; content: string; piece: number; code: ErrorCode; message: string }
  /** A holder has news for those who ask it. */
  | { kind: "told"; source: number; news: HolderNews }
  /** What came by multicast: `pieces` verified and written since the last word; those before `passed` are not waited for. */
  | {
    kind: "multicast";
    content: string;
    passed: number;
    got: number;
    lost: number;
    pieces: number[];
    /** Why nothing is heard any more. */
    why?: string;
  }
  /** Its part file is gone. */
  | { kind: "discarded"; content: string }
  /** The files are in their places, but those that `faults` tells of, by their place in the content. */
  | { kind: "finished"; content: string; paths: string[]; faults: PlaceFault[] }
  | { kind: "hashed"; name: string; sha256: string | undefined }
  /** Something of ours failed: the disk, a permission. */
  | { kind: "fault"; content: string; code: ErrorCode; message: string };
