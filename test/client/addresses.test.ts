import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { createLeatClient, LeatError } from '../../src/client/index.js';
import { startScriptedService } from './scripted-service.js';

function errorOf(address: string): LeatError | undefined {
  try {
    createLeatClient({ address });
  } catch (error) {
    if (error instanceof LeatError) return error;
    throw error;
  }
  return undefined;
}

describe('createLeatClient', () => {
  it.each([
    ['', /^address "": it is empty/],
    ['x', /^address x: the port is missing/],
    ['http://x:1', /^address http:\/\/x:1: give x:1 without a scheme$/],
    ['https://x:1', /^address https:\/\/x:1: give x:1 without a scheme; for TLS set the option tls$/],
    ['unix:/tmp/x', /sockets without a port are not supported/],
    ['ada:secret@x:1', /^address \*\*\*@x:1: give HOST:PORT without a user name or password$/],
    [undefined as unknown as string, /^address "": it is empty/],
  ])('throws INVALID_ARGUMENT at once for the address %j', (address, message) => {
    expect(errorOf(address)).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_ADDRESS',
      retryable: false,
      violations: [{ field: 'address' }],
      message: expect.stringMatching(message),
    });
  });

  it('calls a server whose port is written with leading zeros', async () => {
    await using service = await startScriptedService();
    const address = service.address.replace(/:(\d{4})$/, ':0$1');
    await using client = createLeatClient({ address });
    await client.users.listUsers({});
    expect(service.calls).toHaveLength(1);
  });
});
