/**
 * Sealing what the lab's registration servers share: only who has the authority's private key reads it. That key never
 * leaves their data folders; what is sealed may lie anywhere.
 */

import { type Bytes, concat, utf8 } from "../base/bytes.ts";
import { fromBase64, fromPem, toBase64 } from "./keys.ts";

const NONCE_BYTES = 12;

/** Seals and opens. */
export class Seal {
  private constructor(private key: CryptoKey) {}

  /**
   * The seal of a lab.
   *
   * @param key the authority's private key, PEM.
   * @param purpose what it's for: what was sealed for one purpose can't be opened for another.
   */
  static async from(key: string, purpose: string): Promise<Seal> {
    const secret = await crypto.subtle.importKey("raw", fromPem(key), "HKDF", false, ["deriveKey"]);
    const derived = await crypto.subtle.deriveKey(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8(`LabSwarm seal 1 ${purpose}`) },
      secret,
      { name: "AES-GCM", length: 256 },
      false,
      ["encrypt", "decrypt"],
    );
    return new Seal(derived);
  }

  /** Base64, another one each time. */
  async close(bytes: Bytes): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.key, bytes);
    return toBase64(concat([iv, new Uint8Array(sealed)]));
  }

  /** Undefined when it isn't ours, or was changed. */
  async open(text: string): Promise<Bytes | undefined> {
    try {
      const bytes = fromBase64(text);
      const iv = bytes.slice(0, NONCE_BYTES);
      return new Uint8Array(
        await crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.key, bytes.slice(NONCE_BYTES)),
      );
    } catch {
      return undefined;
    }
  }
}
