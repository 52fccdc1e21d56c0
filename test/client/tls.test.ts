import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { TlsOptions } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type ClientOptions, type LeatClient } from '../../src/client/index.js';
import { createAuthority, noCertificates, type Authority, type Certificate } from '../support/certificates.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { startTlsProxy } from '../support/tls-proxy.js';
import { until } from '../support/until.js';

const backoff = { initialMs: 1, maxMs: 5 };
let dir: TempDir;
let ours: Authority;
let other: Authority;
let here: Certificate;
let server: LeatServer;
let resources: ResourceStack;

if (noCertificates !== undefined) console.warn(`skipped: ${noCertificates}`);
const withCertificates = noCertificates === undefined ? describe : describe.skip;

beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

function connect(port: number, tls: ClientOptions['tls']): LeatClient {
  return resources.use(createLeatClient({ address: `127.0.0.1:${port}`, tls, backoff }));
}

const proxied = async (options: TlsOptions) => resources.use(await startTlsProxy(server.grpcPort, options));

async function failureOf(call: Promise<unknown>): Promise<LeatError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LeatError) return error;
  throw new Error('the call did not fail as calls do', { cause: error });
}

withCertificates('a client with TLS', () => {
  beforeAll(async () => {
    server = await startLeat();
    dir = await makeTempDir();
    ours = createAuthority(dir.path, 'ours');
    other = createAuthority(dir.path, 'other');
    here = ours.issue('IP:127.0.0.1,DNS:localhost');
  });
  afterAll(async () => {
    await server.idle();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  it('calls, publishes and follows through a proxy that has it, over HTTP/2, and over lost connections', async () => {
    const proxy = await proxied(here);
    const client = connect(proxy.port, { ca: ours.ca });
    await client.users.createUser({ user: { userId: 'ada', name: 'Ada' } });
    const reading = client.follow('secret', { backoff });
    const first = reading.next();
    await until(() => reading.status.state === 'live');
    await client.publish('secret', [{ type: 'one' }], { backoff });
    expect((await first).value?.event.type).toBe('one');
    const second = reading.next();
    await until(() => reading.status.state === 'live');
    proxy.cutNow();
    await until(() => reading.status.state !== 'live');
    await client.publish('secret', [{ type: 'two' }], { backoff });
    expect((await second).value?.event.type).toBe('two');
    await reading.return();
    expect(new Set(proxy.protocols)).toEqual(new Set(['h2']));
    expect(proxy.protocols.length).toBeGreaterThan(1);
  });

  it('knows the service by another name, and is known by a certificate of its own', async () => {
    const proxy = await proxied({
      ...ours.issue('DNS:leat.example'),
      requestCert: true,
      rejectUnauthorized: true,
      ca: other.ca,
    });
    const tls = { ca: Buffer.from(ours.ca), serverName: 'leat.example', ...other.issue('DNS:client') };
    await connect(proxy.port, tls).users.listUsers({});
    expect(proxy.protocols).toEqual(['h2']);
  });

  const mutual = { requestCert: true, rejectUnauthorized: true };
  const failures: readonly [string, () => Promise<{ port: number; tls: ClientOptions['tls'] }>, RegExp][] = [
    [
      'an authority that did not sign the certificate',
      async () => ({ port: (await proxied(here)).port, tls: { ca: other.ca } }),
      /^TLS failed \(unable to verify the first certificate\): .* give the one that did as tls\.ca$/,
    ],
    [
      'the well-known authorities alone',
      async () => ({ port: (await proxied(here)).port, tls: true }),
      /give the one that did as tls\.ca$/,
    ],
    [
      'another name',
      async () => ({ port: (await proxied(ours.issue('DNS:leat.example'))).port, tls: { ca: ours.ca } }),
      /^TLS failed \(Hostname.* does not match .*\): .* tls\.serverName$/,
    ],
    [
      'a certificate that has expired',
      async () => ({ port: (await proxied(ours.issue('IP:127.0.0.1', -1))).port, tls: { ca: ours.ca } }),
      /^TLS failed \(certificate has expired\): renew /,
    ],
    [
      'a service without TLS',
      async () => ({ port: server.grpcPort, tls: { ca: ours.ca } }),
      /: the service does not speak TLS there; leave tls out/,
    ],
    [
      'a service without HTTP/2',
      async () => ({ port: (await proxied({ ...here, ALPNProtocols: ['http/1.1'] })).port, tls: { ca: ours.ca } }),
      /: the service does not speak HTTP\/2 there;/,
    ],
    ...(['TLSv1.2', 'TLSv1.3'] as const).map((version): (typeof failures)[number] => [
      `a service that wants a certificate, ${version}`,
      async () => {
        const options = { ...here, ...mutual, ca: ours.ca, minVersion: version, maxVersion: version };
        return { port: (await proxied(options)).port, tls: { ca: ours.ca } };
      },
      /: the service may want a certificate .* tls\.cert, with its tls\.key$/,
    ]),
  ];
  it.each(failures)('says at once what to change: %s', async (_name, setUp, message) => {
    const { port, tls } = await setUp();
    const client = connect(port, tls);
    const expected = { code: Status.UNAVAILABLE, reason: 'TLS_FAILED', message: expect.stringMatching(message) };
    const setbacks: unknown[] = [];
    expect(await failureOf(client.users.listUsers({}))).toMatchObject({ ...expected, retryable: false });
    expect(
      await failureOf(client.follow('t', { onState: (state) => setbacks.push(state.error) }).next()),
    ).toMatchObject(expected);
    const onSetback = (setback: unknown) => setbacks.push(setback);
    expect(await failureOf(client.publish('t', [{ type: 't' }], { onSetback }))).toMatchObject(expected);
    expect(setbacks.filter((setback) => setback !== undefined)).toEqual([]);
  });

  it('is not said to have failed where the connection alone was lost', async () => {
    const proxy = await proxied(here);
    const port = proxy.port;
    await proxy[Symbol.asyncDispose]();
    const error = await failureOf(connect(port, { ca: ours.ca }).users.listUsers({}, { retry: false }));
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: undefined, retryable: true });
  });
});
