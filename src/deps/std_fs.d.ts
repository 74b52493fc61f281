/** Types of the part of `@std/fs` that we use. */

/** What a walk yields. */
export interface WalkEntry extends Deno.DirEntry {
  path: string;
}

/** What a walk goes through. */
export interface WalkOptions {
  maxDepth?: number;
  includeFiles?: boolean;
  includeDirs?: boolean;
  includeSymlinks?: boolean;
  followSymlinks?: boolean;
  canonicalize?: boolean;
  /** Extensions, with or without the dot. */
  exts?: string[];
  match?: RegExp[];
  skip?: RegExp[];
}

/** What a glob matches. */
export interface ExpandGlobOptions {
  /** Where relative globs start; default: the current folder. */
  root?: string;
  exclude?: string[];
  includeDirs?: boolean;
  extended?: boolean;
  globstar?: boolean;
  caseInsensitive?: boolean;
  followSymlinks?: boolean;
  canonicalize?: boolean;
}

/** What must be true of the path to count as existing. */
export interface ExistsOptions {
  isReadable?: boolean;
  isDirectory?: boolean;
  isFile?: boolean;
}

/** All files and folders below, the root among them, in no certain order. */
export function walk(root: string | URL, options?: WalkOptions): AsyncIterableIterator<WalkEntry>;
/** The same, blocking. */
export function walkSync(root: string | URL, options?: WalkOptions): IterableIterator<WalkEntry>;
/** Files and folders that match a glob. */
export function expandGlob(glob: string | URL, options?: ExpandGlobOptions): AsyncIterableIterator<WalkEntry>;
/** Makes the folder and its parents unless they are there; throws when it is something else. */
export function ensureDir(dir: string | URL): Promise<void>;
/** Makes an empty file and its folders unless it is there. */
export function ensureFile(filePath: string | URL): Promise<void>;
/** Makes the folder empty, or makes it. */
export function emptyDir(dir: string | URL): Promise<void>;
/** Tells whether the path exists. */
export function exists(path: string | URL, options?: ExistsOptions): Promise<boolean>;
/** The same, blocking. */
export function existsSync(path: string | URL, options?: ExistsOptions): boolean;
/** Copies a file or a folder. */
export function copy(
  src: string | URL,
  dest: string | URL,
  options?: { overwrite?: boolean; preserveTimestamps?: boolean },
): Promise<void>;
/** Moves a file or a folder. */
export function move(src: string | URL, dest: string | URL, options?: { overwrite?: boolean }): Promise<void>;
