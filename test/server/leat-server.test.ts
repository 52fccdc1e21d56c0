import { describe, expect, it } from '@jest/globals';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

async function* several(...ids: string[]) {
  for (const id of ids) yield { id };
}

async function idsOf(events: AsyncIterable<{ id: string }>) {
  const ids: string[] = [];
  for await (const { id } of events) ids.push(id);
  return ids;
}

describe('a server', () => {
  it('serves all four kinds of methods', async () => {
    await using test = await startTestServer([echoService()]);
    const client = test.client(EchoDefinition);
    await expect(client.unary({ id: 'a' })).resolves.toMatchObject({ id: 'a' });
    await expect(client.upload(several('a', 'b', 'c'))).resolves.toMatchObject({ id: '3' });
    await expect(idsOf(client.download({ id: 'd' }))).resolves.toEqual(['d']);
    await expect(idsOf(client.chat(several('a', 'b')))).resolves.toEqual(['a', 'b']);
    await test.idle();
    expect(test.log.map(({ status }) => status)).toEqual(['OK', 'OK', 'OK', 'OK']);
  });

  it('ends streams when it drains', async () => {
    let cleaned = false;
    await using test = await startTestServer([
      echoService({
        async *chat(requests) {
          try {
            yield { id: 'first' };
            yield* requests;
          } finally {
            cleaned = true;
          }
        },
      }),
    ]);
    const requests = (async function* () {
      await new Promise(() => undefined);
      yield {};
    })();
    const stream = test.client(EchoDefinition).chat(requests)[Symbol.asyncIterator]();
    await stream.next();
    const drained = test.server.drain();
    await expect(stream.next()).rejects.toMatchObject({ code: 14, extra: [{ reason: 'DRAINING' }, {}] });
    await drained;
    expect(cleaned).toBe(true);
    expect(test.server.calls.size).toBe(0);
  });
});
