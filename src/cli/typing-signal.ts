import type { JoinedRoom } from '../client/index.js';

/** Key of the live state that says that somebody is typing. */
export const TYPING = 'typing';

/** Others are told for so long, in milliseconds, and told again after half of it. */
const TTL_MS = 4_000;

/** Tells the others in a room whether one is typing, not with every key. */
export function createTypingSignal(room: Pick<JoinedRoom, 'setState'>): (isTyping: boolean) => void {
  let toldAt: number | undefined;
  return (isTyping) => {
    const now = performance.now();
    if (isTyping && (toldAt === undefined || now - toldAt > TTL_MS / 2)) {
      toldAt = now;
      room.setState(TYPING, '1', { ttlMs: TTL_MS });
    } else if (!isTyping && toldAt !== undefined) {
      toldAt = undefined;
      room.setState(TYPING, undefined);
    }
  };
}
