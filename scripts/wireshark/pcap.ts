/**
 * Capture files out of bytes, for tests of the dissector: one TCP connection between two made-up PCs, with the bytes cut
 * into segments as one likes. The format is that of libpcap (magic a1b2c3d4), link type "raw IP".
 */

import { concat } from "../../src/base/bytes.ts";

/** Bytes that one side sends; `fromDialer` says which. They are cut into segments of at most `most` bytes. */
export interface Sent {
  fromDialer: boolean;
  bytes: Uint8Array;
}

/** What is captured of a connection. */
export interface Captured {
  /** Port of the accepting side. */
  port: number;
  /** Port of the dialing side; made up unless told. */
  dialer?: number;
  sent: readonly Sent[];
  /** Bytes of payload in one segment, 1,400 unless told. */
  most?: number;
}

const LINK_RAW = 101;
const FIRST_DIALER = 40_000;

/** A capture file with these connections, one after the other; 1 ms lies between two segments. */
export function captureFile(connections: readonly Captured[]): Uint8Array {
  const parts: Uint8Array[] = [words([0xa1b2c3d4, 0x00020004, 0, 0, 262_144, LINK_RAW])];
  let ms = 0;
  for (const [i, { port, dialer = FIRST_DIALER + i, sent, most = 1400 }] of connections.entries()) {
    const at = { dialer: 1, acceptor: 1 };
    for (const { fromDialer, bytes } of sent) {
      for (let from = 0; from < bytes.length; from += most) {
        const payload = bytes.subarray(from, from + most);
        const [me, other] = fromDialer ? ["dialer", "acceptor"] as const : ["acceptor", "dialer"] as const;
        const segment = packet(fromDialer, [dialer, port], [at[me], at[other]], payload);
        at[me] += payload.length;
        parts.push(words([Math.floor(ms / 1000), ms % 1000 * 1000, segment.length, segment.length]), segment);
        ms++;
      }
    }
  }
  return concat(parts);
}

/** An IPv4 packet with a TCP segment (flags PSH and ACK); checksums are left 0, and tshark doesn't mind. */
function packet(
  fromDialer: boolean,
  [dialer, acceptor]: [number, number],
  [sequence, acknowledged]: [number, number],
  payload: Uint8Array,
): Uint8Array {
  const hosts = [0x0a000002, 0x0a000001];
  const ports = [dialer, acceptor];
  if (!fromDialer) hosts.reverse(), ports.reverse();
  const ip = words([0x45000000 + 40 + payload.length, 0x00004000, 0x40060000, ...hosts]);
  const tcp = words([ports[0]! * 0x10000 + ports[1]!, sequence, acknowledged, 0x5018ffff, 0]);
  return concat([ip, tcp, payload]);
}

function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setUint32(4 * i, value));
  return new Uint8Array(view.buffer);
}
