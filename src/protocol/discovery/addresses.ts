/**
 * Which address of a PC with several cards to dial first. Pure. Virtual adapters (of virtual machines, VPNs, containers)
 * have addresses that mean nothing on other PCs; those in a subnet that we are in ourselves are the likely ones.
 */

/** An IPv4 address of this PC. */
export interface Interface {
  /** As the system calls it: "eth0", "Ethernet 2". */
  name: string;
  address: string;
  netmask: string;
}

/** Tells whether a text is an IPv4 address in its usual form. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

/** An IPv4 address as a number. */
function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Tells whether an address can be that of another PC: not this one, not all, not a group. */
export function isUsable(address: string): boolean {
  const first = Number(address.split(".")[0]);
  return first !== 0 && first !== 127 && first < 224;
}

/** Tells whether a text is an IPv4 address that can be that of another PC. */
export function isUsableIpv4(text: string): boolean {
  return isIpv4(text) && isUsable(text);
}

/** Tells whether an address was made up by a PC that got none from anybody, RFC 3927. */
function isMadeUp(address: string): boolean {
  return address.startsWith("169.254.");
}

/** Tells whether an address lies in the subnet of an interface. */
export function isNear(address: string, { address: own, netmask }: Interface): boolean {
  const mask = numberOf(netmask);
  // A mask of 32 bits is a tunnel's: nobody else is in that subnet.
  return mask !== 0xffffffff && ((numberOf(address) & mask) >>> 0) === ((numberOf(own) & mask) >>> 0);
}

/**
 * The addresses of a PC in the order in which to try them: first the one that its answer came from, if that is in one of our
 * subnets, then others in our subnets, then the rest.
 *
 * @param source where the answer came from.
 * @example
 * ```ts
 * import { inOrder } from "./addresses.ts";
 * const own = [{ name: "eth0", address: "10.1.0.7", netmask: "255.255.255.0" }];
 * const order = inOrder(["192.168.56.1", "10.1.0.2"], "10.1.0.2", own);
 * if (order.join() !== "10.1.0.2,192.168.56.1") throw new Error(order.join());
 * ```
 */
export function inOrder(
  addresses: readonly string[],
  source: string,
  interfaces: readonly Interface[],
): string[] {
  const all = [...new Set([source, ...addresses])].filter(isUsableIpv4);
  const rank = (address: string) => {
    const near = interfaces.some((each) => isNear(address, each));
    return (near ? 0 : 4) + (isMadeUp(address) ? 2 : 0) + (address === source ? 0 : 1);
  };
  return all.toSorted((a, b) => rank(a) - rank(b));
}

/** The interfaces that reach other PCs. */
export function reaching(interfaces: readonly Interface[]): Interface[] {
  return interfaces.filter(({ address }) => isUsableIpv4(address));
}

/** Own addresses for an answer: those in the asker's subnet first. */
export function forAsker(interfaces: readonly Interface[], asker: string): string[] {
  const near = (each: Interface) => isNear(asker, each) ? 0 : 1;
  return interfaces.toSorted((a, b) => near(a) - near(b)).map(({ address }) => address);
}
