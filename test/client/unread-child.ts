import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLeatClient } from '../../src/client/index.js';

/**
 * A client in a process of its own, `node unread-child.js ADDRESS`, of a service that does not read. It is closed when the
 * connection takes no more of its call.
 */
const [address = ''] = process.argv.slice(2);
const client = createLeatClient({ address, keepaliveMs: 3_600_000 });
const event = { type: 't', payload: { $case: 'data', value: new Uint8Array(256 * 1024) } } as const;
let sent = 0;
let turns = 0;

async function* endless() {
  for (; ; sent++, turns = 0) yield await Promise.resolve({ topic: 't', events: [event] });
}

const call = client.events.publishEvents(endless()).catch((error: { reason?: string }) => error.reason);
while (sent < 4 || turns < 5_000) {
  await nextTurn();
  turns++;
}
await client.close();
console.log(await call);
