/** What grpc-js says when it could not connect, around the text of Node or OpenSSL that says why. */
const NO_CONNECTION = /^No connection established\. Last error: (?:Error(?: \[\w+\])?: )?(.*)\. Resolution note:/s;

/** What is wrong with OpenSSL's records or alerts, out of "…:error:0A00010B:SSL routines:ssl3_get_record:…:…". */
const OPENSSL = /:SSL routines:[^:]*:([^:]+):/;

/** OpenSSL's own words (its error codes do not get through grpc-js), and what to change. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /self.signed certificate|unable to (?:verify|get)/,
    'no authority that is trusted here signed the certificate of the service; give the one that did as tls.ca',
  ],
  [
    /does not match certificate's altnames/,
    'call the service by a name that its certificate has, or give that name as tls.serverName',
  ],
  [
    /certificate (?:has expired|is not yet valid)/,
    'renew the certificate of the service, or set the clock of this machine',
  ],
  [
    /wrong version number|packet length too long|record layer failure|http request/,
    'the service does not speak TLS there; leave tls out, or give the port on which it does',
  ],
  [/no application protocol/, 'the service does not speak HTTP/2 there; give the port on which it does'],
  [
    /certificate required|handshake failure|unknown ca|bad certificate|certificate unknown/,
    'the service may want a certificate of this client that it trusts; give one as tls.cert, with its tls.key',
  ],
];

/** What grpc-js says when the name of the service, or of the proxy, is not known. */
const NO_NAME = /^Name resolution failed for target \S+ ?(.*)$/s;

/** Why there is no connection; undefined if `details`, the text of a call's status, tells of something else. */
export function findConnectFailure(details: string): string | undefined {
  const [, text] = NO_CONNECTION.exec(details) ?? [];
  if (text !== undefined) return text.trim();
  const [, reason] = NO_NAME.exec(details) ?? [];
  return reason === undefined ? undefined : `its name cannot be resolved ${reason}`.trim();
}

/**
 * What went wrong in a TLS handshake, and what to change. Undefined if `details`, the text of a call's status, tells of
 * something else, such as a connection that was reset meanwhile.
 */
export function describeTlsFailure(details: string): string | undefined {
  const [, text] = NO_CONNECTION.exec(details) ?? [];
  if (text === undefined) return undefined;
  const [, inner] = OPENSSL.exec(text) ?? [];
  const problem = (inner ?? text).trim();
  const [, remedy] = remedies.find(([pattern]) => pattern.test(problem)) ?? [];
  if (remedy !== undefined) return `TLS failed (${problem}): ${remedy}`;
  return inner === undefined ? undefined : `TLS failed (${problem}): see what the service wants, and tls`;
}
