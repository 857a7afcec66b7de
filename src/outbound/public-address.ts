/** IPv4 blocks that are not the public internet (IANA special-purpose registry): first address and prefix length. */
const privateIpv4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** Names that never leave a machine, a network or a platform (RFC 6761, 6762, 8375, 9476 and the clouds' metadata hosts). */
const privateSuffixes = [
  "localhost",
  "local",
  "internal",
  "intranet",
  "lan",
  "home",
  "corp",
  "home.arpa",
  "onion",
  "alt",
];

/**
 * Whether a host, as `URL.hostname` gives it, may be on the public internet. The URL parser has already turned decimal, octal and
 * hexadecimal IPv4 spellings into dotted decimals. What a name resolves to cannot be asked for here: in production the platform
 * itself keeps a worker's fetches out of private networks.
 */
export function isPublicHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return isPublicIpv6(hostname.slice(1, -1));
  if (/^\d+\.\d+\.\d+\.\d+$/.test(hostname)) return isPublicIpv4(hostname);
  const name = withoutTrailingDot(hostname).toLowerCase();
  return name.includes(".") && !privateSuffixes.some((suffix) => name.endsWith(`.${suffix}`));
}

export function isLoopbackHost(hostname: string): boolean {
  const name = withoutTrailingDot(hostname);
  return name === "localhost" || name === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(name);
}

export function withoutTrailingDot(hostname: string): string {
  return hostname.replace(/\.+$/, "");
}

function isPublicIpv4(address: string): boolean {
  const number = ipv4Number(address);
  return !privateIpv4.some(([first, prefix]) => number >>> (32 - prefix) === ipv4Number(first) >>> (32 - prefix));
}

function ipv4Number(address: string): number {
  return address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}

/**
 * Global unicast alone (2000::/3): loopback, link-local, unique local, multicast, IPv4-mapped and NAT64 (64:ff9b::/96) lie outside.
 * Within it, what carries an IPv4 address (Teredo, 6to4) or is for documents (RFC 3849, 9637) is none either.
 */
function isPublicIpv6(address: string): boolean {
  const [first = 0, second = 0] = ipv6Groups(address);
  if (first < 0x2000 || first > 0x3fff) return false;
  if (first === 0x2001 && (second < 0x0200 || second === 0x0db8)) return false;
  return first !== 0x2002 && !(first === 0x3fff && second < 0x1000);
}

/** The leading groups of a serialised address; those that `::` stands for are 0. */
function ipv6Groups(address: string): number[] {
  const head = address.split("::")[0] ?? "";
  return head === "" ? [] : head.split(":").map((group) => Number.parseInt(group, 16));
}
