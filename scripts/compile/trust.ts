/**
 * Whom a compiled program trusts in TLS: nobody but the authority that a connection names, which is the lab's, or, where `rs`
 * keeps its registry in NATS, that of `--nats-ca`. The runtime would add the public authorities to it, or what
 * `DENO_TLS_CA_STORE`, `SSL_CERT_FILE` and `DENO_CERT` say in the environment where it is started, so that a school's own
 * inspection of traffic could pass for a registration server. Two settings in what the compiler appends overrule the
 * environment; the compiler has no flag for an empty list, so they are written afterwards, in place.
 */

/** The compiler writes "as the environment says"; in its place, of the same length, comes an empty list. */
const SETTINGS = ["ca_stores", "ca_data"].map((name) => ({
  name,
  found: `"${name}":null`,
  written: `"${name}":[]  `,
}));

/** An executable in which the settings aren't where they should be. */
export class TrustUnknown extends Error {
  override name = "TrustUnknown";
}

/**
 * Takes all authorities but those that connections name out of an executable, in place; does nothing the second time.
 *
 * @param file the whole executable.
 * @throws {TrustUnknown} when a setting isn't there exactly once.
 * @example
 * ```ts
 * const file = new TextEncoder().encode('{"ca_stores":null,"ca_data":null}');
 * trustNobodyElse(file);
 * const { ca_stores, ca_data } = JSON.parse(new TextDecoder().decode(file));
 * if (ca_stores.length + ca_data.length > 0) throw new Error("nobody is trusted");
 * ```
 */
export function trustNobodyElse(file: Uint8Array): void {
  for (const { name, found, written } of SETTINGS) {
    const places = [...placesOf(found, file), ...placesOf(written, file)];
    if (places.length !== 1) {
      throw new TrustUnknown(
        `Cannot take the public authorities out of the executable: its setting ${name} was found ${places.length} ` +
          "times, not once; compile with the Deno that the README names",
      );
    }
    file.set(new TextEncoder().encode(written), places[0]);
  }
}

/** Where a text occurs. */
function* placesOf(text: string, file: Uint8Array): Iterable<number> {
  const bytes = new TextEncoder().encode(text);
  for (let at = file.indexOf(bytes[0]!); at >= 0; at = file.indexOf(bytes[0]!, at + 1)) {
    if (bytes.every((byte, i) => file[at + i] === byte)) yield at;
  }
}
