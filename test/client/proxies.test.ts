import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { findProxy, type Environment } from '../../src/client/find-proxy.js';
import { createLeatClient, LeatError, type ClientOptions, type LeatClient } from '../../src/client/index.js';
import { parseHostPort } from '../../src/host-port.js';
import { runLeat } from '../cli/leat-process.js';
import { createAuthority, noCertificates } from '../support/certificates.js';
import { startConnectProxy } from '../support/connect-proxy.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { startSilentServer } from '../support/silent-server.js';
import { makeTempDir } from '../support/temp-dir.js';
import { startTlsProxy } from '../support/tls-proxy.js';
import { startScriptedService, type ScriptedService } from './scripted-service.js';

const proxyOf = (address: string, env: Environment) => {
  const server = parseHostPort(address);
  if ('problem' in server) throw new Error(server.problem);
  return findProxy(server, env);
};

const http_proxy = 'http://proxy.example:3128';

describe('findProxy', () => {
  it.each([
    [{}, undefined],
    [{ http_proxy: '' }, undefined],
    [{ http_proxy: ' ' }, undefined],
    [{ http_proxy }, { host: 'proxy.example', port: 3128, variable: 'http_proxy' }],
    [{ https_proxy: 'proxy.example' }, { host: 'proxy.example', port: 80, variable: 'https_proxy' }],
    [{ https_proxy: 'proxy.example:8080/' }, { host: 'proxy.example', port: 8080, variable: 'https_proxy' }],
    [{ grpc_proxy: ' http://[fd00::1]:1 ' }, { host: 'fd00::1', port: 1, variable: 'grpc_proxy' }],
    [
      { grpc_proxy: 'http://a:1', https_proxy: 'http://b:1', http_proxy },
      { host: 'a', port: 1, variable: 'grpc_proxy' },
    ],
    [
      { https_proxy: 'http://b:1', http_proxy },
      { host: 'b', port: 1, variable: 'https_proxy' },
    ],
    [{ http_proxy: 'http://ada:p%40ss@a:1' }, { host: 'a', port: 1, variable: 'http_proxy', credentials: 'ada:p@ss' }],
  ])('reads %j', (env, proxy) => expect(proxyOf('leat.example:1', env)).toEqual(proxy));

  it.each([
    '127.0.0.1:1',
    '127.9.9.9:1',
    'localhost:1',
    'LOCALHOST.:1',
    'a.localhost:1',
    '[::1]:1',
    '[::ffff:127.0.0.1]:1',
    '0.0.0.0:1',
    '[::]:1',
  ])('never uses a proxy for loopback: %s', (address) => {
    expect(proxyOf(address, { http_proxy, https_proxy: http_proxy, grpc_proxy: 'not a url' })).toBeUndefined();
  });

  it.each([
    ['leat.example:1', '*'],
    ['leat.example:1', ' * '],
    ['leat.example:1', 'leat.example'],
    ['LEAT.example.:1', 'leat.EXAMPLE'],
    ['leat.example:1', 'leat.example.'],
    ['leat.example:1', 'example'],
    ['leat.example:1', '.example'],
    ['leat.example:1', '*.example'],
    ['leat.example:1', '.leat.example'],
    ['leat.example:1', 'a.example , leat.example'],
    ['leat.example:1', 'a.example leat.example'],
    ['leat.example:1', 'leat.example:1'],
    ['10.1.2.3:1', '10.1.2.3'],
    ['10.1.2.3:1', '10.1.2.3:1'],
    ['10.1.2.3:1', '10.0.0.0/8'],
    ['[fd00::1]:1', 'fd00::1'],
    ['[fd00::1]:1', '[fd00:0::1]'],
    ['[fd00::1]:1', '[fd00::1]:1'],
    ['[fd00::1]:1', 'fd00::/8'],
  ])('calls %s directly with no_proxy=%j, in lower and upper case', (address, list) => {
    expect(proxyOf(address, { http_proxy, no_proxy: list })).toBeUndefined();
    expect(proxyOf(address, { http_proxy, NO_PROXY: list })).toBeUndefined();
    expect(proxyOf(address, { http_proxy, no_grpc_proxy: list, no_proxy: 'other.example' })).toBeUndefined();
  });

  it.each([
    ['leat.example:1', ''],
    ['leat.example:1', ','],
    ['leat.example:1', 'at.example'],
    ['leat.example:1', 'leat'],
    ['leat.example:1', 'leat.example:2'],
    ['leat.example:1', 'a.leat.example'],
    ['10.1.2.3:1', '10.1.2.3:2'],
    ['10.1.2.3:1', '1.2.3'],
    ['10.1.2.3:1', '11.0.0.0/8'],
    ['10.1.2.3:1', '10.0.0.0/99'],
    ['10.1.2.3:1', '10.0.0.0/'],
    ['leat.example:1', '10.0.0.0/8'],
    ['[fd00::1]:1', 'fe00::/8'],
    ['[fd00::1]:1', '[fd00::1]:2'],
  ])('calls %s through the proxy with no_proxy=%j', (address, list) => {
    expect(proxyOf(address, { http_proxy, no_proxy: list })).toBeDefined();
  });

  it.each([
    ['http://', /^https_proxy http:\/\/: it is not a URL; give http:\/\/HOST:PORT/],
    ['http://a:99999', /^https_proxy .*: it is not a URL/],
    ['https://ada:secret@a:1', /^https_proxy https:\/\/\*\*\*@a:1: proxies of https:\/\/ are not supported/],
    ['socks5://a:1', /: proxies of socks5:\/\/ are not supported/],
    ['http://a:0', /: port 0 is not a number from 1 to 65535/],
    ['http://ada:%zz@a:1', /^https_proxy http:\/\/\*\*\*@a:1: its user name or password is not percent-encoded/],
    ['http://a b:1', /: it is not a URL/],
  ])('refuses the proxy %s, names the variable, and quotes no password', (https_proxy, message) => {
    const error = (() => {
      try {
        return proxyOf('leat.example:1', { https_proxy });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_PROXY' });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain('secret');
  });
});

let resources: ResourceStack;
let service: ScriptedService;
let port: number;
beforeEach(async () => {
  resources = createResourceStack();
  service = resources.use(await startScriptedService());
  port = Number(service.address.split(':').at(-1));
});
afterEach(() => resources.dispose());

/** The environment is read when the client is created. */
function connect(env: Readonly<Record<string, string>>, options: Partial<ClientOptions> = {}): LeatClient {
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    return resources.use(createLeatClient({ address: 'leat.example:1234', maxAttempts: 1, ...options }));
  } finally {
    for (const name of Object.keys(env)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, before);
  }
}

async function failureOf(call: Promise<unknown>): Promise<LeatError> {
  const thrown = await call.catch((error: unknown) => error);
  if (thrown instanceof LeatError) return thrown;
  throw new Error('the call did not fail as calls do', { cause: thrown });
}

describe('a client with a proxy', () => {
  it('reaches a server behind it, under the name of the server, with its credentials', async () => {
    const proxy = resources.use(await startConnectProxy(port));
    const client = connect({ https_proxy: `http://ada:s3cr3t@127.0.0.1:${proxy.port}` });
    await client.users.listUsers({});
    const authorization = `Basic ${Buffer.from('ada:s3cr3t').toString('base64')}`;
    expect(proxy.tunnels).toEqual([`leat.example:1234 ${authorization}`]);
    expect(service.calls.map((headers) => headers[':authority'])).toEqual(['leat.example:1234']);
    expect(service.calls[0]?.['proxy-authorization']).toBeUndefined();
  });

  it('calls loopback and exceptions directly', async () => {
    const proxy = resources.use(await startConnectProxy(port));
    const url = `http://127.0.0.1:${proxy.port}`;
    for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) {
      await connect({ [name]: url }, { address: service.address }).users.listUsers({});
      await connect({ [name]: url }, { address: `localhost:${port}` }).users.listUsers({});
    }
    expect(proxy.tunnels).toEqual([]);
    expect(service.calls).toHaveLength(6);
  });

  it.each([407, 502])(
    'fails with an error that names the proxy when it answers %d, without its password',
    async (status) => {
      const proxy = resources.use(await startConnectProxy(port, status));
      const error = await failureOf(
        connect({ http_proxy: `http://ada:s3cr3t@127.0.0.1:${proxy.port}` }).users.listUsers({}),
      );
      expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: 'PROXY_FAILED', retryable: true });
      expect(error.message).toMatch(
        new RegExp(
          `^cannot reach leat\\.example:1234 through the proxy http://127\\.0\\.0\\.1:${proxy.port} ` +
            `\\(from http_proxy\\): it answered ${status} `,
        ),
      );
      expect(error.message).not.toContain('s3cr3t');
    },
  );

  it('fails with an error that names the proxy when nobody is there, and when its name is not known', async () => {
    const nobody = await failureOf(connect({ https_proxy: 'http://127.0.0.1:1' }).users.listUsers({}));
    expect(nobody.message).toBe(
      'cannot reach leat.example:1234 through the proxy http://127.0.0.1:1 (from https_proxy): ' +
        'connect ECONNREFUSED 127.0.0.1:1',
    );
    const unknown = await failureOf(connect({ https_proxy: 'http://proxy.invalid:1' }).users.listUsers({}));
    expect(unknown.message).toMatch(
      /through the proxy http:\/\/proxy\.invalid:1 \(from https_proxy\): its name cannot/,
    );
  });

  it('ends a call at its deadline when the proxy is silent', async () => {
    const silent = resources.use(await startSilentServer());
    const client = connect({ https_proxy: `http://${silent.address}` });
    expect(await failureOf(client.users.listUsers({}, { timeoutMs: 50 }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
  });

  const withCertificates = noCertificates === undefined ? it : it.skip;
  withCertificates('checks the certificate of the server behind it', async () => {
    const dir = resources.use(await makeTempDir());
    const authority = createAuthority(dir.path, 'ours');
    const tls = resources.use(await startTlsProxy(port, authority.issue('DNS:leat.example')));
    const proxy = resources.use(await startConnectProxy(tls.port));
    const env = { https_proxy: `http://127.0.0.1:${proxy.port}` };
    await connect(env, { tls: { ca: authority.ca } }).users.listUsers({});
    const other = connect(env, { address: 'other.example:1', tls: { ca: authority.ca } });
    expect(await failureOf(other.users.listUsers({}))).toMatchObject({ reason: 'TLS_FAILED' });
    expect(proxy.tunnels).toEqual(['leat.example:1234', 'other.example:1']);
  });
});

describe('the command line with a proxy', () => {
  it('calls loopback directly, names the proxy where it fails, and a malformed one is wrong usage', async () => {
    const env = { https_proxy: 'http://ada:s3cr3t@127.0.0.1:1', http_proxy: '', no_proxy: '' };
    expect(await runLeat(['user', 'list', '--address', service.address], { env })).toMatchObject({
      code: 0,
      stderr: '',
    });
    const there = ['user', 'list', '--address', 'leat.example:1'];
    const { code, stderr } = await runLeat(there, { env });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^error: cannot reach leat\.example:1 through the proxy http:\/\/127\.0\.0\.1:1 \(from https_proxy\): connect .*\n$/,
    );
    const wrong = await runLeat(there, { env: { ...env, https_proxy: 'https://ada:s3cr3t@127.0.0.1:1' } });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error: https_proxy https:\/\/\*\*\*@127/) });
    expect(await runLeat(there, { env: { ...env, no_proxy: 'a, *' } })).toMatchObject({
      code: 3,
      stderr: expect.not.stringContaining('proxy'),
    });
  });
});
