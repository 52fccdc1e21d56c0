import { describe, expect, it } from '@jest/globals';
import { ChatRequest } from '../../gen/leat/v1/chat_service.js';
import { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { connectRaw, frame } from '../support/raw-http2.js';
import { until } from '../support/until.js';

const ROOMS = 1_000;
/** Each begins as many calls as are let through at once. */
const CONNECTIONS = 10;
const SCANS = 30;

function encodeFrame(request: Parameters<typeof ChatRequest.fromPartial>[0]): Buffer {
  return frame(ChatRequest.encode(ChatRequest.fromPartial(request)).finish());
}

describe('others', () => {
  it('are served while one chat stream joins hundreds of rooms at once', async () => {
    await using test = await startLeat();
    await using raw = await connectRaw(test.grpcPort);
    const { stream } = raw.call('/leat.v1.ChatService/Chat');
    const joins = Array.from({ length: ROOMS }, (_, index) =>
      encodeFrame({ frame: { $case: 'join', value: { room: `room-${index}` } } }),
    );
    stream.write(
      Buffer.concat([encodeFrame({ frame: { $case: 'hello', value: { sessionId: 'session' } } }), ...joins]),
    );
    await until(() => hasMember(test, 0));
    // Otherwise nobody is answered before all rooms are joined.
    expect(await hasMember(test, ROOMS - 1)).toBe(false);
    await until(() => hasMember(test, ROOMS - 1));
    stream.close();
    await test.idle();
  });

  it('are served while hundreds of calls begin to scan a topic', async () => {
    await using test = await startLeat();
    const events = Array.from({ length: 250 }, (_, index) => ({ id: `${index}`, type: 'other' }));
    for (let i = 0; i < 16; i++) {
      const batch = events.map((event) => ({ ...event, id: `${event.id}-${i}` }));
      await test.events.publishEvents(
        (async function* () {
          yield { topic: 'scanned', events: batch };
        })(),
      );
    }
    const request = ListEventsRequest.fromPartial({ topic: 'scanned', filter: { subjects: ['none'] } });
    const raws = await Promise.all(Array.from({ length: CONNECTIONS }, () => connectRaw(test.grpcPort)));
    let ended = 0;
    for (const raw of raws) {
      for (let i = 0; i < SCANS; i++) {
        const { stream, ended: end } = raw.call('/leat.v1.EventService/ListEvents');
        stream.end(frame(ListEventsRequest.encode(request).finish()));
        void end.then(() => ended++);
      }
    }
    await until(() => ended > 0);
    await test.events.listTopics({});
    expect(ended).toBeLessThan(CONNECTIONS * SCANS);
    await until(() => ended === CONNECTIONS * SCANS);
    for (const raw of raws) await raw[Symbol.asyncDispose]();
  });
});

async function hasMember({ chat }: LeatServer, index: number): Promise<boolean> {
  // A room that nobody has joined is not found.
  const room = await chat.getRoom({ room: `room-${index}` }).catch(() => undefined);
  return (room?.members.length ?? 0) > 0;
}
