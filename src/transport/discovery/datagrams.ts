/**
 * The sockets of discovery. Rules: whatever is sent goes out of the interface whose address the socket is bound to (the
 * runtime has no other way to choose one: on Linux and on Windows the source address decides); one socket on port 5353
 * hears the group on all interfaces that it has joined.
 */

import type { HostPort } from "../../base/units.ts";
import { type Interface, reaching } from "../../protocol/discovery/addresses.ts";

/** The group and port of multicast DNS. */
export const MDNS: HostPort = { host: "224.0.0.251", port: 5353 };

/** A datagram that came. */
export interface Datagram {
  bytes: Uint8Array;
  from: HostPort;
}

/** A socket for datagrams. */
export interface DatagramSocket {
  send(bytes: Uint8Array, to: HostPort): Promise<void>;
  /** The next datagram; undefined once the socket is closed. */
  receive(): Promise<Datagram | undefined>;
  close(): void;
}

/** A socket that hears the group. */
export interface GroupSocket extends DatagramSocket {
  /** Hears the group on this interface, too. */
  join(address: string): Promise<void>;
}

/** The network, replaceable in tests. */
export interface Datagrams {
  /** The interfaces that reach other PCs, now. */
  interfaces(): Interface[];
  /** A socket on an own address; port 0 takes a free one. */
  open(at: HostPort): DatagramSocket;
  /** A socket on port 5353 of all interfaces; others may have one, too. */
  openGroup(): GroupSocket;
}

/** The system's network. */
export const systemDatagrams: Datagrams = {
  interfaces() {
    const all = Deno.networkInterfaces().filter(({ family }) => family === "IPv4");
    return reaching(all.map(({ name, address, netmask }) => ({ name, address, netmask })));
  },
  open: ({ host, port }) => wrap(listen(host, port)),
  openGroup() {
    const socket = listen("0.0.0.0", MDNS.port);
    return {
      ...wrap(socket),
      join: async (address) => void await socket.joinMulticastV4(MDNS.host, address),
    };
  },
};

function listen(hostname: string, port: number): Deno.DatagramConn {
  return Deno.listenDatagram({
    ...{ transport: "udp", hostname, port },
    ...(port === 0 ? {} : { reuseAddress: true }),
    // The server and a peer may be on one PC.
    loopback: true,
  });
}

function wrap(socket: Deno.DatagramConn): DatagramSocket {
  let open = true;
  // Windows reports a fault where a datagram doesn't fit; none is larger than this.
  const buffer = new Uint8Array(64 * 1024);
  return {
    async send(bytes, { host, port }) {
      await socket.send(bytes, { transport: "udp", hostname: host, port });
    },
    async receive() {
      while (open) {
        try {
          const [bytes, from] = await socket.receive(buffer);
          const { hostname, port } = from as Deno.NetAddr;
          return { bytes: bytes.slice(), from: { host: hostname, port } };
        } catch (thrown) {
          // Windows reports here that an earlier datagram of ours found nobody.
          if (thrown instanceof Deno.errors.ConnectionReset) continue;
          if (!open) break;
          throw thrown;
        }
      }
      return undefined;
    },
    close() {
      if (!open) return;
      open = false;
      socket.close();
    },
  };
}
