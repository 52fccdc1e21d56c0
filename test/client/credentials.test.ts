import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError, type ClientOptions, type LeatClient } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';
import { startScriptedService, type ScriptedService } from './scripted-service.js';

const SECRET = 's3cr3t';
const unusable = [
  '',
  `${SECRET}\n`,
  `${SECRET}\r\nx: y`,
  `Bearer ${SECRET}`,
  `${SECRET}\u0007`,
  `${SECRET}é`,
  `${SECRET}\u{1f511}`,
];

let resources: ResourceStack;
let service: ScriptedService;
beforeEach(async () => {
  resources = createResourceStack();
  service = resources.use(await startScriptedService());
});
afterEach(() => resources.dispose());

function connect(options: Partial<ClientOptions> = {}): LeatClient {
  return resources.use(createLeatClient({ address: service.address, backoff: { initialMs: 1, maxMs: 1 }, ...options }));
}

function errorOf(act: () => unknown): LeatError {
  try {
    act();
  } catch (error) {
    if (error instanceof LeatError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function failureOf(call: Promise<unknown>): Promise<LeatError> {
  const thrown = await call.catch((error: unknown) => error);
  return errorOf(() => {
    throw thrown;
  });
}

/** All of an error that a log would show: its text, its stack, its fields and its causes. */
const everything = (error: unknown) => inspect(error, { depth: 10, showHidden: true });

describe('a token that cannot be sent', () => {
  it.each([...unusable, null, 7, {}])('is refused when the client is created, and not quoted: %j', (token) => {
    const error = errorOf(() => connect({ token: token as string }));
    expect(error).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_CREDENTIALS',
      message: expect.stringMatching(/^the token (is|has) /),
      violations: [{ field: 'token' }],
    });
    expect(everything(error)).not.toContain(SECRET);
  });

  it.each(unusable)('is not sent and not quoted if a function returned it: %j', async (token) => {
    const error = await failureOf(connect({ token: () => token, maxAttempts: 1 }).users.listUsers({}));
    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, reason: 'TOKEN_FAILED' });
    expect(everything(error)).not.toContain(SECRET);
    expect(service.calls).toHaveLength(0);
  });

  it('is not quoted in the states and the error of a follow', async () => {
    const told: string[] = [];
    const client = connect({ token: () => `${SECRET}\n` });
    const onState = (status: unknown) => void told.push(everything(status));
    const error = await failureOf(client.follow('t', { onState, backoff: { initialMs: 1 } }).next());
    expect(error.reason).toBe('TOKEN_FAILED');
    expect(told.length).toBeGreaterThan(1);
    expect([...told, everything(error)].join('\n')).not.toContain(SECRET);
  });
});

it.each(['', 'a\nb', 'ä'])('the user name %j is refused when the client is created', (user) => {
  expect(errorOf(() => connect({ user }))).toMatchObject({
    code: Status.INVALID_ARGUMENT,
    reason: 'INVALID_CREDENTIALS',
    message: expect.stringMatching(/^the user (is|has) /),
  });
});

describe('metadata that cannot be sent', () => {
  it.each([
    ['x-key', `${SECRET}\n`, /^metadata "x-key": the value has characters other than printable ASCII; .* "-bin"/],
    ['x-key', `${SECRET}é`, /^metadata "x-key": the value has/],
    ['x-key', Buffer.from(SECRET), /^metadata "x-key": the value is not a string/],
    ['x-key-bin', SECRET, /^metadata "x-key-bin": a field that ends in "-bin" takes bytes/],
    ['x key', SECRET, /^metadata "x key": a name has letters/],
    ['', SECRET, /^metadata "": a name has letters/],
    [':path', SECRET, /^metadata ":path": a name has letters/],
    ['Connection', 'close', /^metadata "Connection": the name is reserved/],
    ['transfer-encoding', 'chunked', /^metadata "transfer-encoding": the name is reserved/],
  ])('ends that call alone, and names the field but not the value: %s %j', async (key, value, message) => {
    const client = connect();
    service.script('silence');
    const abort = new AbortController();
    const running = client.users.listUsers({}, { signal: abort.signal });
    await until(() => service.open() === 1);
    const metadata = new Map([[key, [value]]]) as never;
    const error = await failureOf(client.users.listUsers({}, { metadata }));
    expect(error).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_METADATA',
      message: expect.stringMatching(message),
    });
    expect(everything(error)).not.toContain(SECRET);
    // The connection is still good: the other call still runs on it.
    await client.users.listUsers({});
    expect(service.open()).toBe(1);
    abort.abort();
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
});

it.each([{ key: SECRET, cert: 'x' }, { key: SECRET }, { cert: SECRET }, { key: { SECRET }, cert: 'x' }])(
  'TLS material that cannot be used is refused when the client is created, and not quoted: %j',
  (tls) => {
    const error = errorOf(() => connect({ tls: tls as ClientOptions['tls'] }));
    expect(error).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: 'TLS_FAILED' });
    expect(error.message).toMatch(/^tls\.ca, tls\.cert and tls\.key cannot be used/);
    expect(everything(error)).not.toContain(SECRET);
  },
);
