import { describe, expect, it } from '@jest/globals';
import { AbortError } from 'abort-controller-x';
import { ServerError, Status } from 'nice-grpc';
import { type Any, RichClientError, RichServerError } from 'nice-grpc-error-details';
import { TopicPublished } from '../../gen/leat/v1/event_service.js';
import { DomainError, invalid, notFound, type ErrorKind } from '../../src/domain/errors.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

/** What a client gets, and what is logged, when handlers of all kinds throw `error`. */
async function toldAbout(error: unknown) {
  const fail = async () => {
    throw error;
  };
  await using test = await startTestServer([
    echoService({
      unary: fail,
      async *download() {
        yield {};
        await fail();
      },
    }),
  ]);
  const client = test.client(EchoDefinition);
  const unary = await failure(client.unary({}));
  const streaming = await failure(
    (async () => {
      for await (const _ of client.download({}));
    })(),
  );
  await test.idle();
  return { unary, streaming, log: test.log };
}

async function failure(call: Promise<unknown>): Promise<RichClientError> {
  return call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: unknown) => error as RichClientError,
  );
}

const kinds: readonly (readonly [ErrorKind, Status])[] = [
  ['invalid', Status.INVALID_ARGUMENT],
  ['unauthenticated', Status.UNAUTHENTICATED],
  ['forbidden', Status.PERMISSION_DENIED],
  ['not-found', Status.NOT_FOUND],
  ['exists', Status.ALREADY_EXISTS],
  ['conflict', Status.ABORTED],
  ['out-of-range', Status.OUT_OF_RANGE],
  ['precondition', Status.FAILED_PRECONDITION],
  ['exhausted', Status.RESOURCE_EXHAUSTED],
  ['unavailable', Status.UNAVAILABLE],
  ['data-loss', Status.DATA_LOSS],
];

describe('a domain error', () => {
  it.each(kinds)('of the kind %s has its status and its reason', async (kind, code) => {
    const { unary, streaming } = await toldAbout(
      new DomainError(kind, 'SOME_REASON', 'as it is', { metadata: { a: '1' } }),
    );
    for (const error of [unary, streaming]) {
      expect(error).toMatchObject({ code, details: 'as it is' });
      expect(error.extra[0]).toMatchObject({ domain: 'leat', reason: 'SOME_REASON', metadata: { a: '1' } });
    }
  });

  it('names all fields that are wrong', async () => {
    const { unary } = await toldAbout(
      invalid([
        { field: 'a', description: 'x' },
        { field: 'b[1]', description: 'y' },
      ]),
    );
    expect(unary.extra[1]).toMatchObject({
      $type: 'google.rpc.BadRequest',
      fieldViolations: [
        { field: 'a', description: 'x' },
        { field: 'b[1]', description: 'y' },
      ],
    });
  });

  it('cuts a list of violations to what a trailer holds', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ field: `events[${i}]`, description: 'is wrong' }));
    const { unary } = await toldAbout(invalid(many));
    const [, bad] = unary.extra as [unknown, { fieldViolations: { description: string }[] }];
    expect(bad.fieldViolations.at(-1)?.description).toBe(`and ${10_001 - bad.fieldViolations.length} more`);
  });

  it('names what is missing', async () => {
    const { unary } = await toldAbout(notFound('USER_NOT_FOUND', 'leat.v1.User', 'ada'));
    expect(unary.extra[1]).toMatchObject({
      $type: 'google.rpc.ResourceInfo',
      resourceType: 'leat.v1.User',
      resourceName: 'ada',
    });
  });

  it.each([
    ['unavailable', undefined, { seconds: 1, nanos: 0 }],
    ['exhausted', 2_500, { seconds: 2, nanos: 500_000_000 }],
  ] as const)('of the kind %s says when to try again', async (kind, retryAfterMs, retryDelay) => {
    const { unary } = await toldAbout(new DomainError(kind, 'LATER', 'later', { retryAfterMs }));
    expect(unary.extra.at(-1)).toMatchObject({ $type: 'google.rpc.RetryInfo', retryDelay });
  });

  it('of a precondition or a quota says which', async () => {
    const { unary: failed } = await toldAbout(new DomainError('precondition', 'EPOCH_CHANGED', 'restored'));
    expect(failed.extra[1]).toMatchObject({ violations: [{ type: 'EPOCH_CHANGED', description: 'restored' }] });
    const { unary: full } = await toldAbout(new DomainError('exhausted', 'DISK_FULL', 'full'));
    expect(full.extra[1]).toMatchObject({ $type: 'google.rpc.QuotaFailure', violations: [{ description: 'full' }] });
  });

  it('carries a message of the service', async () => {
    const progress = TopicPublished.create({ topic: 'a/b', accepted: 7n });
    const error = new DomainError('conflict', 'SEQUENCE_GAP', 'gap');
    const { unary } = await toldAbout(
      error.withDetail('leat.v1.TopicPublished', TopicPublished.encode(progress).finish()),
    );
    const detail = unary.extra.at(-1) as Any;
    expect(detail.typeUrl).toBe('type.googleapis.com/leat.v1.TopicPublished');
    expect(TopicPublished.decode(detail.value)).toEqual(progress);
  });

  it('may say anything, half a surrogate pair and a long text as well', async () => {
    const { unary } = await toldAbout(new DomainError('invalid', 'ODD', `\ud800 ü\n${'x'.repeat(5_000)}`));
    expect(unary.details).toMatch(/^\ufffd ü\nx{1000,}$/);
    expect(unary.extra[0]).toMatchObject({ reason: 'ODD' });
  });
});

describe('another error', () => {
  it('is internal, and only the log has its cause', async () => {
    const cause = new TypeError('a secret');
    const { unary, streaming, log } = await toldAbout(cause);
    for (const [i, error] of [unary, streaming].entries()) {
      expect(error.code).toBe(Status.INTERNAL);
      expect(error.details).not.toContain('secret');
      expect(error.details).toContain(String(log[i]?.requestId));
      expect(error.extra[0]).toMatchObject({ reason: 'INTERNAL' });
      expect(log[i]).toMatchObject({ level: 'error', status: 'INTERNAL', err: cause });
    }
  });

  it.each([
    ['undefined', undefined],
    ['a string', 'oops'],
  ])('that is %s is internal too', async (_, error) => {
    const { unary } = await toldAbout(error);
    expect(unary.code).toBe(Status.INTERNAL);
  });

  it('that is a status keeps it, with a reason', async () => {
    const { unary } = await toldAbout(new ServerError(Status.NOT_FOUND, 'no such thing'));
    expect(unary).toMatchObject({ code: Status.NOT_FOUND, details: 'no such thing', extra: [{ reason: 'NOT_FOUND' }] });
  });

  it('that is an abort of the handler itself is a cancelled call', async () => {
    const { unary } = await toldAbout(new AbortError());
    expect(unary.code).toBe(Status.CANCELLED);
  });

  it('that has details keeps them', async () => {
    const { unary } = await toldAbout(new RichServerError(Status.DATA_LOSS, 'bad', []));
    expect(unary.code).toBe(Status.DATA_LOSS);
  });
});
