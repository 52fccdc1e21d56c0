import { Doc } from 'yjs';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { createYjsProvider } from '../../src/client/yjs/index.js';
import { startLeat } from '../support/leat-server.js';

/**
 * A server and one client in a process of their own: 50 calls of every kind at once. Prints the kinds that are done;
 * warnings go to the standard error.
 */
const COUNT = 50;
const numbers = Array.from({ length: COUNT }, (_, index) => index);

await using server = await startLeat();
await using client = createLeatClient({ address: `127.0.0.1:${server.grpcPort}`, token: () => 'token' });

type Kind = (client: LeatClient, id: string, signal: AbortSignal | undefined) => Promise<unknown>;

const kinds: Readonly<Record<string, Kind>> = {
  unary: ({ users }, id, signal) => users.createUser({ user: { userId: id, name: id } }, { signal }),
  publish: (the, id, signal) => the.publish(id, [{ type: 't' }], { signal }),
  'client stream': ({ events }, id, signal) => events.publishEvents(requests(id), { signal }),
  upload: (the, id, signal) => the.upload(Buffer.from(id), { uploadId: id, signal }),
  download: (the, id, signal) => the.download(id, new WritableStream(), { signal }),
  read: (the, id, signal) => drain(the.readBlob(id, { signal })),
  follow: (the, id, signal) => firstOf(the.follow(id, { signal })),
  'server stream': ({ events }, id, signal) => firstOf(events.listEvents({ topic: id, follow: true }, { signal })),
  chat: async (the, id, signal) => {
    const rooms = the.joinRooms({ signal });
    await rooms.join(id).send('hello');
    await rooms.close();
  },
};

async function* requests(id: string) {
  yield await Promise.resolve({ topic: id, events: [{ type: 't' }] });
}

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const item of source) void item;
}

async function firstOf(source: AsyncIterable<unknown>): Promise<void> {
  for await (const item of source) if (item !== undefined) return;
}

for (const [name, call] of Object.entries(kinds)) {
  await Promise.all(numbers.map((number) => call(client, `a${number}`, undefined)));
  // And with one signal of the caller for all of them.
  const shared = new AbortController();
  await Promise.all(numbers.map((number) => call(client, `b${number}`, shared.signal)));
  console.log(name);
}

const stop = new AbortController();
const rooms = client.joinRooms({ signal: stop.signal });
const { signal } = stop;
const joined = numbers.map((number) => rooms.join(`c${number}`));
await Promise.all(joined.map((room) => room.send('hello', { signal })));
const one = rooms.join('one');
await Promise.all(numbers.map(() => one.send('hello', { signal })));
const watches = joined.map((room) => drain(room.members(signal)));
const told = Promise.allSettled(watches);
console.log('rooms of one stream');

const providers = numbers.map((number) =>
  createYjsProvider({ client, rooms, room: `d${number}`, doc: new Doc(), signal }),
);
await Promise.all(providers.map((provider) => provider.synced));
await Promise.all(providers.map((provider) => provider.destroy()));
console.log('documents');

stop.abort();
await told;
const idle = numbers.map((number) => firstOf(client.follow(`e${number}`)).catch(() => undefined));
await client.close();
await Promise.all(idle);
console.log('closed');
