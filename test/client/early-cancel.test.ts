import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Metadata } from 'nice-grpc-common';
import { createLeatClient, type LeatClient } from '../../src/client/index.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { until } from '../support/until.js';
import { startScriptedService, type ScriptedService } from './scripted-service.js';

/** More than there are microtasks between a call and the wire. */
const STEPS = 60;

let resources: ResourceStack;
let service: ScriptedService;
let client: LeatClient;
beforeEach(async () => {
  resources = createResourceStack();
  service = resources.use(await startScriptedService());
  client = resources.use(createLeatClient({ address: service.address, token: () => 'token' }));
});
afterEach(() => resources.dispose());

async function* endless() {
  yield { topic: 't', events: [{ type: 't' }] };
  await new Promise(() => undefined);
}

type Start = (signal: AbortSignal) => Promise<unknown>;
const calls: Readonly<Record<string, Start>> = {
  'with one answer': (signal) => client.users.listUsers({}, { signal }),
  'that reads a stream': (signal) =>
    client.events.listEvents({ topic: 't', follow: true }, { signal })[Symbol.asyncIterator]().next(),
  'that writes a stream': (signal) => client.events.publishEvents(endless(), { signal }),
  'of follow': (signal) => client.follow('t', { signal }).next(),
  'of publish': (signal) => client.publish('t', [{ type: 't' }], { signal }),
};

describe.each(Object.entries(calls))('a call %s', (_name, start) => {
  it('that is cancelled while it starts does not stay open on the service', async () => {
    // Connected already: there is nothing else to wait for.
    await client.users.listUsers({});
    service.script(...Array.from({ length: STEPS + 1 }, () => 'silence' as const));
    // From before it begins, over all the steps between the call and the wire, to when it is there.
    for (let steps = 0; steps < STEPS; steps++) {
      const abort = new AbortController();
      if (steps === 0) abort.abort();
      const call = start(abort.signal);
      for (let step = 1; step < steps; step++) await Promise.resolve();
      abort.abort();
      await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    }
    // What was sent before it has arrived when this one has.
    const abort = new AbortController();
    const metadata = Metadata({ sentinel: 'last' });
    const sentinel = client.users.listUsers({}, { signal: abort.signal, metadata });
    await until(() => service.calls.at(-1)?.sentinel === 'last');
    expect(service.calls.length).toBeGreaterThan(2);
    await until(() => service.open() === 1);
    abort.abort();
    await expect(sentinel).rejects.toMatchObject({ name: 'AbortError' });
  }, 20_000);
});
