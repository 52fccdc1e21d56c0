import { randomUUID } from 'node:crypto';
import { delay, isAbortError, rethrowAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import type { ChatResponse } from '../../../gen/leat/v1/chat_service.js';
import { createAttempts } from '../attempts.js';
import type { Track } from '../follow/follow.js';
import { clientReasons, LeatError } from '../leat-error.js';
import { linkSignals } from '../link-signals.js';
import { chatCall, type ChatClient } from './chat-call.js';
import type { JoinedRoom, JoinOptions, Rooms, RoomsOptions } from './chat-options.js';
import { createMessageIds } from './message-id.js';
import { createOutbox } from './outbox.js';
import { createPings } from './pings.js';
import { roomJoined, roomsClosed } from './room-errors.js';
import type { Incoming, RoomPort } from './room-port.js';
import { createRoom } from './room.js';
import { createRoomsBoard } from './rooms-board.js';
import { createSendLimit } from './send-limit.js';

/** How long `close` waits for the service, in milliseconds. */
const CLOSE_MS = 5_000;

/** See `LeatClient.joinRooms`. */
export function joinRooms(chat: ChatClient, options: RoomsOptions, track: Track): Rooms {
  const { sessionId = randomUUID(), heartbeatMs = 15_000, maxUnacknowledged = 256 } = options;
  const outbox = createOutbox();
  const board = createRoomsBoard(options.onState);
  const limit = createSendLimit(maxUnacknowledged);
  const queued = { bytes: 0 };
  const nextId = createMessageIds();
  const ports = new Map<string, RoomPort>();
  const pings = createPings((source) => outbox.wake(source));
  const stop = linkSignals(options.signal);
  let isClosing = false;
  /** Something has come on the stream that is open. */
  let isAnswered = false;
  let attempts = createAttempts({ ...options, maxAttempts: options.maxFirstAttempts ?? options.maxAttempts });

  function onFrame({ frame }: ChatResponse): void {
    if (board.state === 'connecting') attempts = createAttempts(options);
    attempts.succeeded();
    isAnswered = true;
    board.live();
    if (frame?.$case === 'pong') pings.answered(frame.value.nonce);
    const room = roomOf(frame);
    if (room !== undefined && frame !== undefined) ports.get(room)?.handle(frame);
  }

  async function callOnce(): Promise<void> {
    // Its answer tells that the stream is there, also if there are no rooms.
    pings.ask();
    isAnswered = false;
    const onSilence = () => pings.ask();
    try {
      await chatCall({ chat, sessionId, outbox, onFrame, heartbeatMs, onSilence, signal: stop.signal });
    } finally {
      pings.lost();
      for (const port of [...ports.values()]) port.lost();
    }
  }

  async function keepUp(): Promise<void> {
    while (!isClosing) {
      let thrown: unknown = streamEnded();
      try {
        await callOnce();
      } catch (error) {
        rethrowAbortError(error);
        // A credential that was good has expired; the next call asks for another one.
        thrown = isAnswered && LeatError.from(error).code === Status.UNAUTHENTICATED ? streamEnded(error) : error;
      }
      if (isClosing) return;
      const setback = attempts.failed(thrown);
      board.setback(setback);
      await delay(stop.signal, setback.delayMs);
    }
  }

  async function run(): Promise<void> {
    const forget = track(close);
    let failure: Error | undefined;
    try {
      await keepUp();
    } catch (error) {
      failure = isAbortError(error) ? error : LeatError.from(error);
      if (!isClosing || options.signal?.aborted === true) throw failure;
      failure = undefined;
    } finally {
      isClosing = true;
      stop.unlink();
      forget();
      for (const port of [...ports.values()]) port.end(failure);
      board.ended(failure);
    }
  }

  async function close(): Promise<void> {
    const isFirst = !isClosing;
    isClosing = true;
    const timer = setTimeout(stop.abort, CLOSE_MS);
    try {
      if (board.state !== 'live') stop.abort();
      else if (isFirst) void limit.settled().then(finish);
      await ended.catch(() => undefined);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Half-closes. Of a room that is behind the service would first send all that comes before one's own last message. */
  function finish(): void {
    for (const port of [...ports.values()]) if (port.room.snapshot().status !== 'live') void port.room.leave();
    outbox.finish();
  }

  function join(name: string, settings: JoinOptions = {}): JoinedRoom {
    if (isClosing) throw board.snapshot().error ?? roomsClosed();
    if (ports.has(name)) throw roomJoined(name);
    const port: RoomPort = createRoom({
      name,
      options: settings,
      limit,
      queued,
      nextId,
      expectPong: (onPong) => pings.expect(onPong),
      wake: () => outbox.wake(port),
      onOver() {
        ports.delete(name);
        outbox.remove(port);
      },
    });
    ports.set(name, port);
    outbox.wake(port);
    return port.room;
  }

  const ended = run();
  ended.catch(() => undefined); // Whoever is interested listens.
  return {
    sessionId,
    ended,
    subscribe: (listener) => board.subscribe(listener),
    snapshot: () => board.snapshot(),
    join,
    ready: () => limit.ready(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function roomOf(frame: Incoming | undefined): string | undefined {
  return frame !== undefined && 'room' in frame.value ? frame.value.room : undefined;
}

function streamEnded(cause?: unknown): LeatError {
  const options = { code: Status.UNAVAILABLE, reason: clientReasons.streamCut, cause };
  return new LeatError('the stream ended, and nobody had asked for that', options);
}
