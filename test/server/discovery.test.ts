import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import { HealthDefinition } from '../../gen/grpc/health/v1/health.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { createUserService } from '../../src/services/user-service.js';
import { served } from '../../src/server/served-service.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer, type TestServer } from '../support/test-server.js';
import { openTemporaryStore } from '../support/temporary-store.js';

const buf = path.resolve('node_modules/.bin/buf');
const users = 'leat.v1.UserService';

let test: TestServer;
let temporary: Awaited<ReturnType<typeof openTemporaryStore>>;

beforeAll(async () => {
  temporary = await openTemporaryStore();
  const service = served(UserServiceDefinition, createUserService({ store: temporary.store }));
  test = await startTestServer([service]);
});

afterAll(async () => {
  await test[Symbol.asyncDispose]();
  await temporary[Symbol.asyncDispose]();
});

async function bufCurl(target: string, ...options: string[]) {
  const url = `http://127.0.0.1:${test.grpcPort}${target}`;
  const { stdout } = await promisify(execFile)(buf, [
    'curl',
    '--protocol=grpc',
    '--http2-prior-knowledge',
    '--reflect',
    ...options,
    url,
  ]);
  return stdout;
}

describe('reflection', () => {
  it('lets a Go client find the methods', async () => {
    const methods = (await bufCurl('', '--list-methods')).trim().split('\n');
    const expected = Object.values(UserServiceDefinition.methods).map(({ name }) => `${users}/${name}`);
    const standard = [
      'grpc.health.v1.Health/Check',
      'grpc.health.v1.Health/List',
      'grpc.health.v1.Health/Watch',
      'grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      'grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    ];
    expect(methods.sort()).toEqual([...expected, ...standard].sort());
  });

  it('lets a Go client call a method by JSON', async () => {
    const answer = await bufCurl(`/${users}/CreateUser`, '--data={"user":{"userId":"ada","name":"Ada"}}');
    expect(JSON.parse(answer)).toMatchObject({ user: { userId: 'ada', name: 'Ada', etag: '1' } });
  });

  it('gives a Go client the details of an error', async () => {
    const call = bufCurl(`/${users}/GetUser`, '--data={"userId":"nobody"}');
    await expect(call).rejects.toMatchObject({
      stderr: expect.stringMatching(/not_found[^]*google\.rpc\.ResourceInfo/),
    });
  });
});

describe('health', () => {
  it.each(['', users])('of the service "%s" is told', async (service) => {
    await expect(test.client(HealthDefinition).check({ service })).resolves.toEqual({ status: 1 });
  });

  it('of a service that is not served is NOT_FOUND', async () => {
    const call = test.client(HealthDefinition).check({ service: 'x.Y' });
    await expect(call).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      extra: [{ reason: 'SERVICE_NOT_FOUND' }, { resourceName: 'x.Y' }],
    });
  });

  it('lists the server and every service', async () => {
    const { statuses } = await test.client(HealthDefinition).list({});
    expect([...statuses.keys()].sort()).toEqual(['', users]);
    expect([...statuses.values()].map(({ status }) => status)).toEqual([1, 1]);
  });

  it('of an unknown service is SERVICE_UNKNOWN for those who watch, and the call goes on', async () => {
    const abort = new AbortController();
    const watch = test.client(HealthDefinition).watch({ service: 'x.Y' }, { signal: abort.signal });
    const responses = watch[Symbol.asyncIterator]();
    await expect(responses.next()).resolves.toMatchObject({ value: { status: 3 } });
    abort.abort();
    await expect(responses.next()).rejects.toThrow('aborted');
    await test.idle();
  });

  it('changes for those who watch before the server drains, and is told to the end', async () => {
    let answer: (message: object) => void = () => undefined;
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const unary = () => {
      begin();
      return new Promise<object>((resolve) => (answer = resolve));
    };
    await using draining = await startTestServer([echoService({ unary })]);
    const health = draining.client(HealthDefinition);
    const watch = health.watch({ service: '' })[Symbol.asyncIterator]();
    await expect(watch.next()).resolves.toMatchObject({ value: { status: 1 } });
    const call = draining.client(EchoDefinition).unary({});
    await begun;
    const drained = draining.server.drain();
    await expect(watch.next()).resolves.toMatchObject({ value: { status: 2 } });
    await expect(watch.next()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    answer({});
    await call;
    await drained;
  });
});
