import { randomUUID } from 'node:crypto';
import { abortable } from 'abort-controller-x';
import type { JoinedRoom, Rooms } from '../chat/chat-options.js';
import type { MessageLimit } from './message-limit.js';
import { RESEND_AFTER_MS, splitIntoParts } from './parts.js';

export interface WholeOptions {
  readonly type: string;
  readonly limit: MessageLimit;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Sends bytes in as many messages as they take, and resolves when all of them are durable. If the service takes only
 * smaller messages, by now or from the beginning, it begins again with messages of the size that the service names.
 */
export async function sendWhole(
  rooms: Rooms,
  room: JoinedRoom,
  bytes: Uint8Array,
  options: WholeOptions,
): Promise<void> {
  let instead: string | undefined;
  for (;;) {
    const startedAt = performance.now();
    const group = randomUUID();
    const maxBytes = options.limit.bytes;
    try {
      const count = await sendParts(rooms, room, bytes, { ...options, maxBytes, group, instead });
      // Readers may have taken this writer for dead.
      if (count === 1 || performance.now() - startedAt <= RESEND_AFTER_MS) return;
    } catch (error) {
      options.limit.refused(error, maxBytes);
    }
    instead = group;
  }
}

interface PartsOptions extends WholeOptions {
  readonly maxBytes: number;
  readonly group: string;
  readonly instead: string | undefined;
}

/** Returns how many messages it took. Throws what the first one failed with, once nothing of it is under way any more. */
async function sendParts(
  rooms: Rooms,
  room: JoinedRoom,
  bytes: Uint8Array,
  { type, limit, signal, ...options }: PartsOptions,
): Promise<number> {
  const { maxBytes } = options;
  const parts = splitIntoParts(type, bytes, options);
  const sends: Promise<unknown>[] = [];
  let hasFailed = false;
  for (const part of parts) {
    await abortable(signal, rooms.ready());
    if (hasFailed) break;
    const send = room.send(part);
    send.catch(() => (hasFailed = true)); // Told below.
    sends.push(send);
    // One alone, for of many some might be small enough and stay in the room, without the others.
    if (!limit.isKnown) await abortable(signal, send);
    limit.accepted(Math.min(maxBytes, bytes.length));
  }
  await abortable(signal, Promise.allSettled(sends));
  await Promise.all(sends);
  return parts.length;
}
