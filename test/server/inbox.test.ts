import { describe, expect, it } from '@jest/globals';
import type { BoundaryContext } from '../../src/middleware/call-boundary.js';
import type { CallRecord } from '../../src/middleware/call-record.js';
import { EchoDefinition, echoService } from '../support/echo-service.js';
import { startTestServer } from '../support/test-server.js';

const MESSAGES = 64;

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

describe('a client that sends faster than the handler takes', () => {
  it('is held back by bytes, and everything arrives once the handler goes on', async () => {
    const [taken, go] = [gate(), gate()];
    let record: CallRecord | undefined;
    await using test = await startTestServer([
      echoService({
        async upload(requests, context) {
          ({ record } = context as unknown as BoundaryContext);
          let count = 0;
          for await (const _ of requests) {
            count++;
            taken.open();
            await go.opened;
          }
          return { id: `${count}` };
        },
      }),
    ]);
    const client = test.client(EchoDefinition);
    const data = Buffer.alloc(256 * 1024);
    const upload = client.upload(
      (async function* () {
        for (let i = 0; i < MESSAGES; i++) yield { payload: { $case: 'data' as const, value: data } };
      })(),
    );
    await taken.opened;
    // Each of these calls comes behind what the client could send: what was going to be read ahead has been.
    for (let i = 0; i < 50; i++) await client.unary({ id: 'sentinel' });
    expect(record?.messagesIn).toBeGreaterThanOrEqual(2);
    expect(record?.messagesIn).toBeLessThanOrEqual(4);
    go.open();
    await expect(upload).resolves.toMatchObject({ id: `${MESSAGES}` });
  });
});
