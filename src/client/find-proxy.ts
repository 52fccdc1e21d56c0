import { BlockList, isIP } from 'node:net';
import { Status } from 'nice-grpc';
import { formatHostPort, parseHostPort, showAddress, type HostPort } from '../host-port.js';
import { clientReasons, LeatError } from './leat-error.js';

/** An HTTP proxy that opens tunnels (CONNECT). */
export interface Proxy extends HostPort {
  /** `user:password`, if the URL has them. Never in an error. */
  readonly credentials?: string;
  /** The environment variable that names it. */
  readonly variable: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** As in gRPC, the first that is set and not empty. In lower case only, as grpc-js reads them. */
const PROXY_VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const;
const EXCEPTION_VARIABLES = ['no_grpc_proxy', 'NO_GRPC_PROXY', 'no_proxy', 'NO_PROXY'] as const;

const DEFAULT_PORT = 80;

/**
 * The proxy through which a server is called; undefined: directly. Loopback is always called directly.
 * Throws INVALID_ARGUMENT, reason INVALID_PROXY, if the variable that names the proxy is not the URL of one.
 */
export function findProxy(server: HostPort, env: Environment): Proxy | undefined {
  const variable = firstSet(PROXY_VARIABLES, env);
  if (variable === undefined || isLocal(server.host)) return undefined;
  const exceptions = env[firstSet(EXCEPTION_VARIABLES, env) ?? ''] ?? '';
  const isException = exceptions.split(/[\s,]+/).some((entry) => entry !== '' && matches(server, entry.toLowerCase()));
  return isException ? undefined : parseProxy(variable, (env[variable] ?? '').trim());
}

/** `http://proxy.example:3128 (from https_proxy)`, without credentials. */
export function describeProxy(proxy: Proxy): string {
  return `http://${formatHostPort(proxy)} (from ${proxy.variable})`;
}

function firstSet(names: readonly string[], env: Environment): string | undefined {
  return names.find((name) => (env[name] ?? '').trim() !== '');
}

const local = new BlockList();
local.addSubnet('127.0.0.0', 8, 'ipv4');
local.addAddress('0.0.0.0', 'ipv4');
local.addAddress('::1', 'ipv6');
local.addAddress('::', 'ipv6');

function isLocal(host: string): boolean {
  if (isIP(host) !== 0) return local.check(host, familyOf(host));
  return /^(?:.*\.)?localhost\.?$/i.test(host);
}

/**
 * One entry of no_proxy, in the forms that curl and Go know: `*`, a domain (with everything below it; a leading dot or
 * `*.` changes nothing), an IP address, either with a port, or a network as `10.0.0.0/8`.
 */
function matches({ host, port }: HostPort, entry: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(host, entry);
  const [, bracketed, plain = '', entryPort] = /^(?:\[(.*)\]|(.*?))(?::(\d+))?$/.exec(entry) ?? [];
  // An IPv6 address without brackets has colons of its own, and no port.
  const [pattern, only] = isIP(entry) === 6 ? [entry, undefined] : [bracketed ?? plain, entryPort];
  if (only !== undefined && Number(only) !== port) return false;
  if (isIP(pattern) !== 0) return isIP(host) !== 0 && isSameAddress(host, pattern);
  const domain = pattern.replace(/^\*?\./, '').replace(/\.$/, '');
  const name = host.toLowerCase().replace(/\.$/, '');
  return domain !== '' && isIP(host) === 0 && (name === domain || name.endsWith(`.${domain}`));
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (isIP(host) === 0 || family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(address, Number(bits), familyOf(address));
  return list.check(host, familyOf(host));
}

function isSameAddress(host: string, address: string): boolean {
  const list = new BlockList();
  list.addAddress(address, familyOf(address));
  return list.check(host, familyOf(host));
}

const familyOf = (address: string) => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

function parseProxy(variable: string, text: string): Proxy {
  // As curl and Go take it, the scheme may be left out.
  const url = parseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === undefined) throw invalidProxy(variable, text, 'it is not a URL');
  if (url.protocol !== 'http:') throw invalidProxy(variable, text, `proxies of ${url.protocol}// are not supported`);
  const parsed = parseHostPort(`${url.hostname}:${url.port === '' ? DEFAULT_PORT : url.port}`);
  if ('problem' in parsed) throw invalidProxy(variable, text, parsed.problem);
  if (url.username === '' && url.password === '') return { ...parsed, variable };
  try {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return { ...parsed, variable, credentials };
  } catch {
    throw invalidProxy(variable, text, 'its user name or password is not percent-encoded');
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function invalidProxy(variable: string, text: string, problem: string): LeatError {
  const fix = 'give http://HOST:PORT, or except the server in no_proxy';
  return new LeatError(`${variable} ${showAddress(text)}: ${problem}; ${fix}`, {
    code: Status.INVALID_ARGUMENT,
    reason: clientReasons.invalidProxy,
  });
}
