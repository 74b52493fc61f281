/**
 * The keys of a PC that is joining: kept before the lab is asked, until the membership is kept. Where the two are cut apart,
 * by Ctrl-C, a power cut or a full disk, the lab may have a member already, and the code be used up; with the same keys this
 * PC comes again and is that member.
 *
 * Where the lab isn't reached nothing is kept: a PC is prepared there, and its disk copied to forty others, which must not
 * come with one key.
 */

import { join } from "@std/path";
import { toHex, utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import * as v from "../deps/valibot.ts";
import { parseCode } from "../join/code.ts";
import { exportPrivate, exportPublic, generateKeys, importPrivate, importPublic } from "../join/keys.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";

/** Name of the file in the data folder, beside the membership that it ends with. */
export const JOINING_FILE = "joining.json";

const schema = v.object({
  /** SHA-256 of what the code says: another code is another invitation, perhaps for another role. */
  code: v.string(),
  /** Private key, PEM. */
  key: v.string(),
  publicKey: v.string(),
});

/**
 * The keys to join with: those of an attempt with this code that wasn't finished, else new ones, which are kept first.
 *
 * @param data the data folder, which can be written to.
 * @param text the code, as somebody typed it.
 */
export async function joiningKeys(data: string, text: string, clock: Clock): Promise<CryptoKeyPair> {
  const { fingerprint, secret } = parseCode(text);
  const said = utf8(`LabSwarm joining\n${toHex(fingerprint)}${toHex(secret)}`);
  const code = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", said)));
  const kept = v.safeParse(schema, await readJson(join(data, JOINING_FILE)));
  if (kept.success && kept.output.code === code) {
    const { key, publicKey } = kept.output;
    try {
      return { privateKey: await importPrivate(key), publicKey: await importPublic(publicKey) };
    } catch { /* damaged: new ones */ }
  }
  const keys = await generateKeys();
  const [key, publicKey] = [await exportPrivate(keys.privateKey), await exportPublic(keys.publicKey)];
  const value = JSON.stringify({ code, key, publicKey }, null, 2) + "\n";
  await writeAtomic(join(data, JOINING_FILE), value, { clock, mode: 0o600 });
  return keys;
}

/** The membership is kept: its keys are in it. */
export async function forgetJoining(data: string): Promise<void> {
  await Deno.remove(join(data, JOINING_FILE)).catch(() => {});
}
