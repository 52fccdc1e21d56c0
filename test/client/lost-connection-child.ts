import { createLeatClient } from '../../src/client/index.js';

/**
 * A client in a process of its own: `node lost-connection-child.js ADDRESS`. Calls of every kind run until the follow has
 * lost its connection; then the client is closed, and nothing is left that could keep the process.
 */
const [address = ''] = process.argv.slice(2);
const client = createLeatClient({ address, token: () => 'token' });
const lost = new Promise<void>((resolve) => {
  const follow = client.follow('t', { onState: ({ state }) => void (state === 'reconnecting' && resolve()) });
  follow.next().then(undefined, () => undefined);
});

async function* endless() {
  yield { type: 't' };
  await new Promise(() => undefined);
}

async function rawStream(): Promise<void> {
  for await (const page of client.events.listEvents({ topic: 't', follow: true })) void page;
}

const settled = Promise.allSettled([
  rawStream(),
  client.publish('t', endless()),
  client.upload(Buffer.from('x'), { uploadId: 'x' }),
  client.users.createUser({ user: { name: 'x' } }),
  client.readBlob('x').next(),
  client.joinRooms().ended,
]);
await lost;
// A new connection, on which calls run when the client is closed.
const again = rawStream().then(undefined, (error: { reason?: string }) => error.reason);
await client.close();
await settled;
console.log(await again);
