import { randomUUID } from 'node:crypto';
import { abortable } from 'abort-controller-x';
import type { JoinedRoom, Rooms } from '../chat/chat-options.js';
import { RESEND_AFTER_MS, splitIntoParts } from './parts.js';

export interface WholeOptions {
  readonly type: string;
  readonly maxBytes: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Sends bytes in as many messages as they take, and resolves when all of them are durable. */
export async function sendWhole(
  rooms: Rooms,
  room: JoinedRoom,
  bytes: Uint8Array,
  { type, signal, ...options }: WholeOptions,
): Promise<void> {
  const startedAt = performance.now();
  const parts = splitIntoParts(type, bytes, { ...options, group: randomUUID() });
  const sends: Promise<unknown>[] = [];
  for (const part of parts) {
    await abortable(signal, rooms.ready());
    const send = room.send(part);
    send.catch(() => undefined); // Told below.
    sends.push(send);
  }
  await abortable(signal, Promise.all(sends));
  // Readers may have taken this writer for dead.
  const isLate = parts.length > 1 && performance.now() - startedAt > RESEND_AFTER_MS;
  if (isLate) await sendWhole(rooms, room, bytes, { type, signal, ...options });
}
