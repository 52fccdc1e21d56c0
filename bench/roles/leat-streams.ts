import { PublishEventsRequest } from '../../gen/leat/v1/event_service.js';
import { createLeatClient } from '../../src/client/index.js';
import { sampleEvent } from '../load/events.js';
import { MESSAGE_BYTES } from '../peers/bare-definition.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import type { StreamsOptions } from './bare-streams.js';

const { port } = roleOptions<StreamsOptions>();
const client = createLeatClient({ address: `127.0.0.1:${port}` });
const event = sampleEvent(0, MESSAGE_BYTES);
const topic = 'bench/streams';

async function publish(target: string, isOver: (sent: number) => boolean): Promise<number> {
  let sent = 0;
  async function* requests(): AsyncGenerator<PublishEventsRequest> {
    for (; !isOver(sent); sent += MESSAGE_BYTES)
      yield PublishEventsRequest.fromPartial({ topic: target, events: [event] });
  }
  await client.events.publishEvents(requests());
  return sent;
}

const commands = {
  /** Publishes what `down` reads. */
  fill: async (bytes: number): Promise<void> => void (await publish(topic, (sent) => sent >= bytes)),

  /** Replays, from the beginning again at the end, for some seconds; answers bytes of payload a second. */
  async down(seconds: number): Promise<number> {
    const startedAt = performance.now();
    const isOver = () => performance.now() - startedAt >= seconds * 1000;
    let bytes = 0;
    while (!isOver()) {
      for await (const { records } of client.events.listEvents({ topic })) {
        bytes += records.length * MESSAGE_BYTES;
        if (isOver()) break;
      }
    }
    return (bytes * 1000) / (performance.now() - startedAt);
  },

  /** Publishes for some seconds; counts until it is durable. */
  async up(seconds: number): Promise<number> {
    const startedAt = performance.now();
    const sent = await publish('bench/up', () => performance.now() - startedAt >= seconds * 1000);
    return (sent * 1000) / (performance.now() - startedAt);
  },
};

export type LeatStreamsRole = typeof commands;

playRole(commands);
