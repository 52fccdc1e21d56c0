import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as Y from 'yjs';
import { createLeatClient, type LeatClient } from '../../../src/client/index.js';
import { createYjsProvider, type YjsProvider } from '../../../src/client/yjs/index.js';
import { startCuttingProxy, type CuttingProxy } from '../../support/cutting-proxy.js';
import { startLeat, type LeatServer } from '../../support/leat-server.js';
import { eventually, soon } from '../../support/soon.js';
import { inForm } from '../../support/long-form.js';

/** The longer form: `LEAT_LONG=1 npm test -- convergence`. */
const RUNS = inForm(15, 300);
const REPLICAS = 3;

let server: LeatServer;
let rooms = 0;
beforeAll(async () => void (server = await startLeat()));
afterAll(() => server[Symbol.asyncDispose]());

/** A document with its own connection. It outlives its provider, as a document on a disk would. */
interface Replica {
  readonly doc: Y.Doc;
  readonly proxy: CuttingProxy;
  readonly client: LeatClient;
  provider: YjsProvider;
}

type Step =
  | { readonly kind: 'insert'; readonly at: number; readonly text: string }
  | { readonly kind: 'remove'; readonly at: number }
  | { readonly kind: 'set'; readonly key: string; readonly value: number }
  | { readonly kind: 'cut' | 'cutAtAByte' | 'compact' | 'compactTwice' | 'restart' | 'save' | 'breathe' };

const steps: fc.Arbitrary<{ readonly who: number; readonly step: Step }> = fc.record({
  who: fc.nat(REPLICAS - 1),
  step: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('insert' as const),
        at: fc.nat(),
        text: fc.string({ minLength: 1, maxLength: 60 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('set' as const), key: fc.constantFrom('a', 'b'), value: fc.nat() }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom('cut', 'cutAtAByte', 'compact', 'compactTwice', 'restart', 'save', 'breathe'),
      }),
    },
  ),
});

function provide(room: string, { doc, client }: Pick<Replica, 'doc' | 'client'>): YjsProvider {
  return createYjsProvider({ client, room, doc, batchMs: 1, maxMessageBytes: 100, compactAfter: 15 });
}

async function openReplica(room: string): Promise<Replica> {
  const proxy = await startCuttingProxy(server.grpcPort);
  const client = createLeatClient({ address: `127.0.0.1:${proxy.port}` });
  const doc = new Y.Doc();
  return { doc, proxy, client, provider: provide(room, { doc, client }) };
}

async function closeReplica({ provider, client, proxy, doc }: Replica): Promise<void> {
  await provider.destroy();
  await client.close();
  await proxy[Symbol.asyncDispose]();
  doc.destroy();
}

/** What replicas have to agree on. Nothing is ever taken out of `tokens`: each has to be there once, at the end. */
const contentOf = (doc: Y.Doc) => ({
  text: doc.getText('text').toJSON(),
  map: doc.getMap('map').toJSON() as unknown,
  tokens: doc.getArray<number>('tokens').toArray(),
});

async function carryOut(step: Step, replica: Replica, room: string, token: number): Promise<void> {
  const { doc, proxy, provider } = replica;
  const text = doc.getText('text');
  switch (step.kind) {
    case 'insert':
      text.insert(step.at % (text.length + 1), step.text);
      doc.getArray<number>('tokens').push([token]);
      return;
    case 'remove':
      if (text.length > 0) text.delete(step.at % text.length, 1);
      return;
    case 'set':
      doc.getMap('map').set(step.key, step.value);
      return;
    case 'cut':
      return proxy.cutNow();
    case 'cutAtAByte':
      proxy.plan({ toClient: token * 37 }, { toServer: token * 29 });
      return proxy.cutNow();
    case 'compact':
      // It may be cut, or come too early: nothing depends on it.
      return void provider.compact().catch(() => undefined);
    case 'compactTwice':
      return void Promise.all([provider.compact(), provider.compact()]).catch(() => undefined);
    case 'restart':
      await soon('the end of a provider', provider.destroy());
      replica.provider = provide(room, replica);
      return;
    case 'save':
      return soon('everything to be durable', provider.saved());
    case 'breathe':
      await soon('a document to be synced', provider.synced);
  }
}

describe('replicas of a document', () => {
  it(
    'become the same, whatever is changed, cut, compacted and started again, and lose nothing',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 60 }), async (script) => {
          const room = `property-${++rooms}`;
          const replicas = await Promise.all(Array.from({ length: REPLICAS }, () => openReplica(room)));
          try {
            const tokens: number[] = [];
            for (const [index, { who, step }] of script.entries()) {
              const replica = replicas[who];
              if (replica === undefined) continue;
              if (step.kind === 'insert') tokens.push(index);
              await carryOut(step, replica, room, index);
            }
            // Dozens of cuts may be planned still, each with a pause before the next try.
            for (const { proxy } of replicas) proxy.heal();
            for (const { provider } of replicas) await soon('everything to be durable', provider.saved());
            const late = await openReplica(room);
            replicas.push(late);
            await soon('the last one to be synced', late.provider.synced);
            const content = contentOf(late.doc);
            expect(content.tokens.toSorted((a, b) => a - b)).toEqual(tokens);
            for (const { doc } of replicas) {
              await eventually('replicas to be the same', () => contentOf(doc).tokens.length === tokens.length);
              const isSame = () => isDeepStrictEqual(contentOf(doc), contentOf(late.doc));
              await eventually('replicas to be the same', isSame);
            }
          } finally {
            await Promise.all(replicas.map(closeReplica));
          }
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
      await soon('all calls to end', server.idle());
    },
    120_000 + RUNS * 5_000,
  );
});
