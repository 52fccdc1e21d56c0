import type { FrameSource } from './outbox.js';

/** The Pings of one stream, and what their Pongs mean. */
export interface Pings extends FrameSource {
  /** Asks for a sign of life; what comes is one, whatever it is. */
  ask(): void;
  /** Calls back once everything that the service has queued so far has come; returns the nonce to ask with. */
  expect(onPong: () => void): bigint;
  answered(nonce: bigint): void;
  /** The stream is gone, and what was asked with it. */
  lost(): void;
}

/** Of the Pongs that only tell that the service lives. */
const SIGN_OF_LIFE = 0n;

export function createPings(wake: (source: FrameSource) => void): Pings {
  const expected = new Map<bigint, () => void>();
  let lastNonce = SIGN_OF_LIFE;
  let isDue = false;
  const pings: Pings = {
    ask() {
      isDue = true;
      wake(pings);
    },
    expect(onPong) {
      expected.set(++lastNonce, onPong);
      return lastNonce;
    },
    nextFrame() {
      if (!isDue) return undefined;
      isDue = false;
      return { $case: 'ping', value: { nonce: SIGN_OF_LIFE } };
    },
    answered(nonce) {
      expected.get(nonce)?.();
      expected.delete(nonce);
    },
    lost: () => expected.clear(),
  };
  return pings;
}
