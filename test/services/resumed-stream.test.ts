import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Status, createChannel, createClientFactory } from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { v7 as uuid } from 'uuid';
import type { Start } from '../../gen/leat/v1/event.js';
import { type DeepPartial, EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { readCallError } from '../support/call-error.js';
import { type CutPlan, type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';

let leat: LeatServer;
beforeAll(async () => {
  leat = await startLeat();
});
afterAll(() => leat[Symbol.asyncDispose]());

type Command =
  | { readonly kind: 'publish'; readonly wanted: readonly boolean[]; readonly size: number }
  | { readonly kind: 'wait'; readonly turns: number }
  | { readonly kind: 'trim'; readonly back: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'plan'; readonly plan: CutPlan };

const kind = <K extends string>(value: K) => fc.constant(value);
const wanted = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
// A connection begins with settings and headers; the first pages come after a few hundred bytes.
const cutAfter = fc.oneof(fc.nat(600), fc.nat(60_000));
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: kind('publish'), wanted, size: fc.constantFrom(0, 0, 100, 9000) }) },
    { weight: 5, arbitrary: fc.record({ kind: kind('wait'), turns: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('trim'), back: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('cut') }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: kind('plan'),
        plan: fc.oneof(
          cutAfter.map((toClient) => ({ toClient })),
          fc.nat(400).map((toServer) => ({ toServer })),
        ),
      }),
    },
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

/** Reads one topic over as many connections as it takes, and writes down what it gets. */
class Reader {
  readonly transcript: number[] = [];
  /** What was trimmed before it was read, as the service told: `[first, last]`. */
  readonly missed: [number, number][] = [];
  sessions = 0;
  #readOffset = 0;
  #start: DeepPartial<Start> = { position: { $case: 'afterOffset', value: 0n } };

  constructor(
    readonly topic: string,
    readonly port: number,
    readonly types: readonly string[],
  ) {}

  /** Until the event at `last` was read. */
  async readTo(last: Promise<number>): Promise<void> {
    let end = Infinity;
    void last.then((offset) => (end = offset));
    while (this.#readOffset < end) await this.#session(() => this.#readOffset >= end);
  }

  async #session(isDone: () => boolean): Promise<void> {
    this.sessions++;
    const channel = createChannel(`127.0.0.1:${this.port}`, undefined, {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
    const client = createClientFactory().use(errorDetailsClientMiddleware).create(EventServiceDefinition, channel);
    const request = { topic: this.topic, start: this.#start, filter: { types: [...this.types] }, follow: true };
    try {
      for await (const page of client.listEvents({ ...request, heartbeatInterval: { seconds: 1n } })) {
        this.transcript.push(...page.records.map(({ offset }) => Number(offset)));
        this.#readOffset = Number(page.readOffset);
        this.#start = { position: { $case: 'resumeToken', value: page.resumeToken } };
        if (isDone()) return;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      channel.close();
    }
  }

  #failed(error: unknown): void {
    const failure = readCallError(error);
    if (!failure) throw error;
    if (failure.code === Status.OUT_OF_RANGE) {
      const first = Number(failure.metadata.first_offset);
      this.missed.push([this.#readOffset + 1, first - 1]);
      this.#readOffset = first - 1;
      this.#start = { position: { $case: 'afterOffset', value: BigInt(first - 1) } };
    } else if (failure.reason !== undefined) {
      throw error;
    }
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** The log as it should be: `log[i]` tells whether the event at offset i + 1 is wanted. */
async function carryOut(command: Command, topic: string, log: boolean[], proxy: CuttingProxy): Promise<void> {
  switch (command.kind) {
    case 'publish': {
      const value = new Uint8Array(command.size);
      const events = command.wanted.map((isWanted) => ({
        type: isWanted ? 'wanted' : 'other',
        payload: { $case: 'data' as const, value },
      }));
      log.push(...command.wanted);
      await leat.events.publishEvents(
        (async function* () {
          yield { topic, events };
        })(),
      );
      return;
    }
    case 'wait':
      return turns(command.turns);
    case 'trim':
      if (log.length === 0) return;
      await leat.events.trimTopic({ topic, beforeOffset: BigInt(Math.max(1, log.length + 1 - command.back)) });
      return;
    case 'cut':
      return proxy.cutNow();
    case 'plan':
      return proxy.plan(command.plan);
  }
}

describe('a reader whose connection is cut at any byte, again and again, while the topic grows and is trimmed', () => {
  it.each([[[]], [['wanted']]])(
    'gets every event once, in order, and is told of every one it cannot get (types: %j)',
    async (types) => {
      let [cuts, sessions] = [0, 0];
      const property = fc.asyncProperty(commands, async (script) => {
        const topic = `r/${uuid()}`;
        await using proxy = await startCuttingProxy(leat.grpcPort);
        const reader = new Reader(topic, proxy.port, types);
        const log: boolean[] = [];
        let end: (last: number) => void = () => undefined;
        const reading = reader.readTo(new Promise((resolve) => (end = resolve)));
        const writing = (async () => {
          for (const command of script) await carryOut(command, topic, log, proxy);
          end(log.length + 1);
          await carryOut({ kind: 'publish', wanted: [true], size: 0 }, topic, log, proxy);
        })();
        await Promise.all([reading, writing]);

        const isMissed = (offset: number) => reader.missed.some(([first, last]) => offset >= first && offset <= last);
        const expected = log.flatMap((isWanted, i) =>
          (isWanted || types.length === 0) && !isMissed(i + 1) ? [i + 1] : [],
        );
        expect(reader.transcript).toEqual(expected);
        cuts += proxy.cuts;
        sessions += reader.sessions;
      });
      await fc.assert(property, { numRuns: 60 });
      await leat.idle();
      expect(cuts).toBeGreaterThan(20);
      expect(sessions).toBeGreaterThan(cuts);
    },
  );
});
