import type { MarkRead } from '../../../gen/leat/v1/chat_service.js';

/** How far one has read in one room. Moves forward only. */
export interface OwnMark {
  /** False if it was there already. */
  moveTo(offset: bigint): boolean;
  /** What the service has to be told. */
  next(room: string): MarkRead | undefined;
  /** One is in, and the service knows this. */
  reconcile(known: bigint): void;
  /** Not stored, for now: it has to be told again. */
  again(offset: bigint): void;
  /** Not stored, and not told again; the caller may set it once more. */
  forget(offset: bigint): void;
}

export function createOwnMark(): OwnMark {
  let mark = 0n;
  let told = 0n;
  let stored = 0n;
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
    reconcile: (known) => void (stored = told = known),
    // What was told after it is answered for itself.
    again: (offset) => void (told === offset && (told = stored)),
    forget: (offset) => void (told === offset && mark === offset && (mark = told = stored)),
  };
}
