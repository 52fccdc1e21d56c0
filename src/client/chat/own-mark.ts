import type { MarkRead } from '../../../gen/leat/v1/chat_service.js';

/** How far one has read in one room. Moves forward only. */
export interface OwnMark {
  /** False if it was there already. */
  moveTo(offset: bigint): boolean;
  /** What the service has to be told. */
  next(room: string): MarkRead | undefined;
  /** One is in, and the service knows this. */
  reconcile(known: bigint): void;
}

export function createOwnMark(): OwnMark {
  let mark = 0n;
  let told = 0n;
  return {
    moveTo(offset) {
      if (offset <= mark) return false;
      mark = offset;
      return true;
    },
    next(room) {
      if (mark <= told) return undefined;
      told = mark;
      return { room, offset: mark };
    },
    reconcile: (known) => void (told = known),
  };
}
