import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

export interface HostPort {
  /** A DNS name in ASCII, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Why a text is not HOST:PORT, and what to give instead; completes "--address x: ". Quotes no credentials. */
export interface AddressProblem {
  readonly problem: string;
}

/** Default: 1. A server may listen on port 0, which means any free one. */
export interface PortRange {
  readonly minPort?: number;
}

const MAX_PORT = 65_535;
const EXAMPLE = '127.0.0.1:50051';

/** Parses `host:port`, `1.2.3.4:port` and `[IPv6]:port`. A host name in Unicode becomes ASCII (IDNA). */
export function parseHostPort(text: string, range: PortRange = {}): HostPort | AddressProblem {
  const syntax = findSyntaxProblem(text, range);
  if (syntax !== undefined) return { problem: syntax };
  const [, bracketed, name = '', port] = /^(?:\[(.*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  const host = bracketed ?? toAscii(name);
  if (text.startsWith(':')) return { problem: `the host is missing; give HOST${text}, for example ${EXAMPLE}` };
  if (bracketed !== undefined && !isBracketable(bracketed)) {
    return { problem: `"${bracketed}" is not an IPv6 address; give [IPv6]:PORT, for example [::1]:50051` };
  }
  if (bracketed === undefined && !isHost(host)) {
    return { problem: `"${name}" is neither a host name nor an IP address; give HOST:PORT, for example ${EXAMPLE}` };
  }
  if (port === undefined || port === '') {
    const shown = bracketed === undefined ? name : `[${bracketed}]`;
    return { problem: `the port is missing; give ${shown}:PORT, for example ${shown}:50051` };
  }
  const { minPort = 1 } = range;
  if (!/^\d{1,5}$/.test(port) || Number(port) < minPort || Number(port) > MAX_PORT) {
    return { problem: `port ${port} is not a number from ${minPort} to ${MAX_PORT}` };
  }
  return { host, port: Number(port) };
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as an error may show it: quoted if it is not plain, and without a password that it has. */
export function showAddress(text: string): string {
  const shown = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@').replace(/([?#]).*$/s, '$1***');
  return /^[\x21-\x7e]+$/.test(shown) ? shown : JSON.stringify(shown);
}

/** What is written where HOST:PORT should be. */
function findSyntaxProblem(text: string, range: PortRange): string | undefined {
  if (text === '') return `it is empty; give HOST:PORT, for example ${EXAMPLE}`;
  if (text.includes('@')) return 'give HOST:PORT without a user name or password';
  if (/[\s\p{Cc}]/u.test(text)) return 'give HOST:PORT without blanks or control characters';
  if (text.includes(',')) return 'give one HOST:PORT, not a list';
  if (/^(?:unix|unix-abstract|vsock):(?!\d+$)/i.test(text))
    return 'sockets without a port are not supported; give HOST:PORT';
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*:\/+)(.*)$/is.exec(text) ?? [];
  if (scheme !== undefined) return `give ${suggest(rest, range)} without a scheme`;
  const [, resolver, target = ''] =
    /^((?:dns|ipv4|ipv6|xds|passthrough|https?|grpcs?):)(?!\d+$)(.+)$/is.exec(text) ?? [];
  if (resolver !== undefined) return `give ${suggest(target, range)} without "${resolver}"`;
  if (/[/?#\\]/.test(text)) return `give ${suggest(text, range)} without a path`;
  if (text.startsWith('[') || text.indexOf(':') === text.lastIndexOf(':')) return undefined;
  const [, host = '', port = ''] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (isIPv6(host)) return `put the IPv6 address in brackets: [${host}]:${port}`;
  if (isIPv6(text)) return `put the IPv6 address in brackets and add the port: [${text}]:PORT`;
  return 'it has more than one colon; give HOST:PORT, or [IPv6]:PORT';
}

/** What was probably meant, if that is an address. */
function suggest(text: string, range: PortRange): string {
  const [authority = ''] = text.split(/[/?#\\]/);
  const parsed = parseHostPort(authority, range);
  return 'problem' in parsed ? 'HOST:PORT' : formatHostPort(parsed);
}

/** An IPv6 address with a zone ("fe80::1%eth0") cannot be written in a URL, and HTTP/2 needs one. */
function isBracketable(host: string): boolean {
  return isIPv6(host) && !host.includes('%');
}

function toAscii(name: string): string {
  return /^\p{ASCII}*$/u.test(name) ? name : domainToASCII(name);
}

function isHost(host: string): boolean {
  if (isIPv4(host)) return true;
  // "127.1" and "0x7f.1" mean something to some resolvers only.
  const last = host.replace(/\.$/, '').split('.').at(-1) ?? '';
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(last)) return false;
  const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
  return (
    host.length <= 253 &&
    host
      .replace(/\.$/, '')
      .split('.')
      .every((part) => label.test(part))
  );
}
