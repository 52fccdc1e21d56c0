import { Metadata, Status } from 'nice-grpc';
import { clientReasons, LeatError } from './leat-error.js';

/** Header fields of HTTP/1 and of HTTP/2 itself: with one of them Node would give up the connection and all its calls. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Why a text cannot be sent as a token (RFC 6750: visible ASCII); undefined if it can. Does not quote it: it is a secret,
 * and libraries below would put it into their error messages.
 */
export function describeTokenProblem(token: unknown): string | undefined {
  if (typeof token !== 'string') return `is not a string but ${token === null ? 'null' : typeof token}`;
  if (token === '') return 'is empty';
  if (/[\r\n]/.test(token)) return 'has a line break; trim it';
  if (/\s/.test(token)) return 'has blanks; give it without "Bearer", and trim it';
  return /^[\x21-\x7e]+$/.test(token) ? undefined : 'has characters other than visible ASCII';
}

/** Throws INVALID_ARGUMENT, reason INVALID_CREDENTIALS. */
export function checkCredentials({ token, user }: { readonly token?: unknown; readonly user?: unknown }): void {
  if (token !== undefined && typeof token !== 'function') check('token', describeTokenProblem(token));
  if (user !== undefined) check('user', describeUserProblem(user));
}

/** A copy to which fields can be added. Throws INVALID_ARGUMENT, reason INVALID_METADATA: the field, not its value. */
export function copyMetadata(given: unknown): Metadata {
  const copy = Metadata();
  for (const [key, value] of entriesOf(given)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const problem = describeNameProblem(key) ?? values.map((each) => describeValueProblem(key, each)).find(Boolean);
    if (problem !== undefined) throw invalid(`metadata ${JSON.stringify(key)}: ${problem}`, 'metadata', problem);
    copy.set(key, values as string[]);
  }
  return copy;
}

function describeUserProblem(user: unknown): string | undefined {
  if (typeof user !== 'string') return 'is not a string';
  if (user === '') return 'is empty; leave it out to call without a name';
  return /^[\x20-\x7e]+$/.test(user) ? undefined : 'has characters other than printable ASCII';
}

function describeNameProblem(key: string): string | undefined {
  if (!/^[0-9a-z_.-]+$/i.test(key)) return 'a name has letters, digits, "_", "." and "-" only';
  return FORBIDDEN.has(key.toLowerCase()) ? 'the name is reserved for the connection' : undefined;
}

function describeValueProblem(key: string, value: unknown): string | undefined {
  if (key.toLowerCase().endsWith('-bin')) {
    return value instanceof Uint8Array ? undefined : 'a field that ends in "-bin" takes bytes (a Uint8Array)';
  }
  if (typeof value !== 'string') return 'the value is not a string; for bytes let the name end in "-bin"';
  if (/^[\x20-\x7e]*$/.test(value)) return undefined;
  return 'the value has characters other than printable ASCII; for those let the name end in "-bin" and give bytes';
}

function entriesOf(given: unknown): Iterable<readonly [string, unknown]> {
  if (given === undefined || given === null) return [];
  if (Symbol.iterator in Object(given)) return given as Iterable<readonly [string, unknown]>;
  return Object.entries(given);
}

function check(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw invalid(`the ${name} ${problem}`, name, problem, clientReasons.invalidCredentials);
}

function invalid(message: string, field: string, description: string, reason?: string): LeatError {
  return new LeatError(message, {
    code: Status.INVALID_ARGUMENT,
    reason: reason ?? clientReasons.invalidMetadata,
    violations: [{ field, description }],
  });
}
