import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { ChatResponse } from '../../gen/leat/v1/chat_service.js';
import { chatFrame, openingFrames } from '../load/chat-frames.js';
import { frame } from '../load/events.js';
import { createFrameSplitter } from '../load/frames.js';
import { rawConnection } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface TalkerOptions {
  readonly port: number;
  readonly path: string;
  /** What is said: a durable message, live state, or bare bytes. */
  readonly kind: 'message' | 'state' | 'bytes';
}

const ROOM = `bench/echo-${process.pid}`;
const PAYLOAD_BYTES = 64;

const { kind, path, port } = roleOptions<TalkerOptions>();
const [mouth, ear] = [await openEnd('mouth'), await openEnd('ear')];
let heard: () => void = () => undefined;
let said = 0;

async function openEnd(name: string): Promise<ClientHttp2Stream> {
  const connection = await rawConnection(port);
  const { stream } = connection.call(path);
  stream.on('error', () => undefined); // Closed in the middle of it.
  if (kind !== 'bytes') stream.write(openingFrames(`${process.pid}-${name}`, ROOM));
  // It is there: what is said from now on it hears.
  await once(stream, kind === 'bytes' ? 'response' : 'data');
  return stream;
}

function nextFrame(): Buffer {
  const value = Buffer.alloc(PAYLOAD_BYTES, said++ % 256);
  if (kind === 'bytes') return frame(value);
  if (kind === 'state') return chatFrame({ $case: 'setState', value: { room: ROOM, key: 'k', value } });
  const message = { id: `${process.pid}-${said}`, payload: { $case: 'data' as const, value } };
  return chatFrame({ $case: 'send', value: { room: ROOM, message } });
}

/** Whether it is what the other one said, and not what the room is like. */
function isHeard(message: Buffer): boolean {
  if (kind === 'bytes') return true;
  const told = ChatResponse.decode(message).frame;
  if (kind === 'state') return told?.$case === 'state';
  return told?.$case === 'messages' && told.value.records.length > 0;
}

mouth.resume();
ear.on(
  'data',
  createFrameSplitter((message) => {
    if (isHeard(message)) heard();
  }),
);

const commands = {
  /** Says one thing after the other, each when the other one has heard the one before; answers how long each took. */
  async talk(seconds: number): Promise<number[]> {
    const latenciesMs: number[] = [];
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      const bytes = nextFrame();
      const startedAt = performance.now();
      await new Promise<void>((resolve) => {
        heard = resolve;
        mouth.write(bytes);
      });
      latenciesMs.push(performance.now() - startedAt);
    }
    return latenciesMs;
  },
};

export type TalkerRole = typeof commands;

playRole(commands);
