import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Client, createChannel, createClientFactory } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { type ChatStream, openChat } from '../support/chat-stream.js';
import { type CutPlan, startCuttingProxy } from '../support/cutting-proxy.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { logOf } from '../support/log-of.js';
import { inForm } from '../support/long-form.js';

/** Conversations that are cut to pieces. The longer form: `LEAT_CHAT_ROUNDS=100`. */
const ROUNDS = Number(process.env.LEAT_CHAT_ROUNDS ?? inForm(8, 20));
const MESSAGES = 40;
const ROOM = 'cut';

/** One who talks over a connection that breaks: resumes where it was, and sends again what was not acknowledged. */
async function converse(leat: LeatServer, user: string, plans: readonly CutPlan[], total: number): Promise<string[]> {
  const proxy = await startCuttingProxy(leat.grpcPort);
  proxy.plan(...plans);
  const unacknowledged = new Set(Array.from({ length: MESSAGES }, (_, index) => `${user}-${index}`));
  const transcript: string[] = [];
  let token = '';
  try {
    while (unacknowledged.size > 0 || transcript.length < total) {
      // With the pool of all channels, one that was cut while it connected would wait ever longer.
      const channel = createChannel(`127.0.0.1:${proxy.port}`, undefined, { 'grpc.use_local_subchannel_pool': 1 });
      const client: Client<ChatServiceDefinition> = createClientFactory().create(ChatServiceDefinition, channel);
      const stream = openChat(client, { user, session: user });
      try {
        await talk(stream, token);
      } catch {
        // The connection was cut: what came before it counts.
      }
      take(stream);
      await stream[Symbol.asyncDispose]();
      channel.close();
    }
    return transcript;
  } finally {
    await proxy[Symbol.asyncDispose]();
  }

  async function talk(stream: ChatStream, resumeToken: string): Promise<void> {
    const position =
      resumeToken === ''
        ? { $case: 'afterOffset' as const, value: 0n }
        : { $case: 'resumeToken' as const, value: resumeToken };
    await stream.join(ROOM, { start: { position } });
    const ids = [...unacknowledged];
    for (const id of ids) stream.say(ROOM, id);
    const before = transcript.length;
    await stream.take('messages', () => before + stream.records(ROOM).length >= total);
    if (ids.length > 0) await stream.take('delivered', () => deliveredBy(stream).length === ids.length);
  }

  function take(stream: ChatStream): void {
    for (const page of stream.all('messages')) {
      for (const { offset, event } of page.records) {
        transcript.push(event?.id ?? '');
        // Each once, in order, across all connections.
        expect(Number(offset)).toBe(transcript.length);
      }
      token = page.resumeToken;
    }
    for (const { messageId } of deliveredBy(stream)) unacknowledged.delete(messageId);
    expect(stream.all('problem')).toEqual([]);
  }
}

const deliveredBy = (stream: ChatStream) => stream.all('delivered').flatMap(({ deliveries }) => deliveries);

const plan: fc.Arbitrary<CutPlan> = fc.record(
  { toServer: fc.integer({ min: 200, max: 6_000 }), toClient: fc.integer({ min: 200, max: 12_000 }) },
  { requiredKeys: [] },
);

describe('a conversation over connections that break anywhere', () => {
  it('is the same for everybody: each message once, in one order, the sender’s own', async () => {
    const plans = fc.array(fc.array(plan, { minLength: 2, maxLength: 6 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(plans, async (participants) => {
        await using leat = await startLeat();
        const total = participants.length * MESSAGES;
        const transcripts = await Promise.all(
          participants.map((cuts, index) => converse(leat, `user${index}`, cuts, total)),
        );
        const log = (await logOf(leat.store, `rooms/${ROOM}`)).map(({ event }) => event?.id);
        expect(new Set(log).size).toBe(total);
        for (const transcript of transcripts) expect(transcript).toEqual(log);
        for (const [index] of participants.entries()) {
          const own = log.filter((id) => id?.startsWith(`user${index}-`));
          expect(own).toEqual(Array.from({ length: MESSAGES }, (_, message) => `user${index}-${message}`));
        }
      }),
      { numRuns: ROUNDS, endOnFailure: true },
    );
  }, 120_000);
});
