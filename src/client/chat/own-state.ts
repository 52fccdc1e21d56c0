import { Duration } from '../../../gen/google/protobuf/duration.js';
import type { SetState } from '../../../gen/leat/v1/chat_service.js';

/** One's own live state in one room: what holds, and what of it the service does not know. */
export interface OwnState {
  set(key: string, value: Uint8Array | undefined, ttlMs: number | undefined): void;
  /** Refused for now: it has to be told again. */
  again(key: string): void;
  /** Refused: it is not told again. */
  forget(key: string): void;
  /** The next change that has to be told; a key that `isHeld` waits, unless it is removed. */
  next(room: string, isHeld: (key: string) => boolean): SetState | undefined;
  /** One is in, and the service knows this: what differs has to be told. */
  reconcile(known: ReadonlyMap<string, Uint8Array>): void;
}

interface Value {
  readonly value: Uint8Array;
  /** By the monotonic clock, in milliseconds. */
  readonly expiresAt?: number;
}

export function createOwnState(now: () => number = () => performance.now()): OwnState {
  const values = new Map<string, Value>();
  const untold = new Set<string>();
  return {
    set(key, value, ttlMs) {
      if (value === undefined) values.delete(key);
      else values.set(key, { value, expiresAt: ttlMs === undefined ? undefined : now() + ttlMs });
      untold.add(key);
    },
    again: (key) => void untold.add(key),
    forget(key) {
      values.delete(key);
      untold.delete(key);
    },
    next(room, isHeld) {
      for (const key of untold) {
        if (isHeld(key) && values.has(key)) continue;
        untold.delete(key);
        const { value, expiresAt } = values.get(key) ?? {};
        if (expiresAt === undefined) return { room, key, value, ttl: undefined };
        const ttlMs = expiresAt - now();
        if (ttlMs > 0) return { room, key, value, ttl: toDuration(ttlMs) };
        // It has expired, and so it has at the service.
        values.delete(key);
      }
      return undefined;
    },
    reconcile(known) {
      for (const [key, { value, expiresAt }] of values) {
        if (expiresAt !== undefined || !isSame(known.get(key), value)) untold.add(key);
      }
      // Of a life before this one, or removed while nobody could be told.
      for (const key of known.keys()) if (!values.has(key)) untold.add(key);
    },
  };
}

function isSame(known: Uint8Array | undefined, value: Uint8Array): boolean {
  return known !== undefined && Buffer.compare(known, value) === 0;
}

function toDuration(ms: number): Duration {
  const whole = Math.ceil(ms);
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1e6 };
}
