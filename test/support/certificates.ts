import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Undefined if this machine can make certificates for a test; otherwise why it cannot. */
export const noCertificates: string | undefined =
  spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0
    ? undefined
    : 'no certificates: openssl is missing';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own. */
export interface Authority {
  /** What those who trust it need. */
  readonly ca: string;
  /** `names` as in `subjectAltName`, for example `IP:127.0.0.1`. `days` below 0: it has expired. */
  issue(names: string, days?: number): Certificate;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=leat test'];

/** Keeps its files in `dir`. */
export function createAuthority(dir: string, name: string): Authority {
  const file = (ending: string) => path.join(dir, `${name}${ending}`);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-keyout', file('.key'), '-out', file('.crt'));
  let issued = 0;
  return {
    ca: readFileSync(file('.crt'), 'utf8'),
    issue(names, days = 2) {
      const [key, request, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) => file(`-${issued}.${end}`));
      issued++;
      if (key === undefined || request === undefined || cert === undefined || extensions === undefined)
        throw new Error();
      writeFileSync(extensions, `subjectAltName=${names}\n`);
      openssl('req', ...NEW_KEY, '-keyout', key, '-out', request);
      const signer = ['-CA', file('.crt'), '-CAkey', file('.key'), '-CAcreateserial', '-extfile', extensions];
      openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-out', cert);
      return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    },
  };
}
