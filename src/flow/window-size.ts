/** What one look at a connection tells. */
export interface FlowSample {
  /** Bytes that came in between a ping and its answer. */
  readonly bytes: number;
  /** Time between the two, in milliseconds, greater than 0. */
  readonly roundTripMs: number;
}

export interface WindowBounds {
  /** To begin with, and never less. */
  readonly minBytes: number;
  readonly maxBytes: number;
}

/** Looks at a session that needs less than a quarter of its window before the window is halved. */
const LOOKS_BEFORE_LOWERING = 8;
/** A round trip that was measured so many looks ago is forgotten: routes change. */
const LOOKS_REMEMBERED = 64;

/**
 * Finds the window that a connection needs: twice what is under way in one round trip (bandwidth × delay), since a
 * receiver tells of freed room only when half a window is used up. A connection that fills what its window allows may be
 * held back by it, so the window doubles until it does not.
 *
 * The delay is the shortest round trip seen: pings also wait in queues, and a busy process on the same machine would
 * otherwise look far away.
 * Source: the BDP estimation of gRPC (grpc/proposal, A8) with the minimum filter of BBR.
 */
export function createWindowSize({ minBytes, maxBytes }: WindowBounds) {
  let size = minBytes;
  let shortestMs = Infinity;
  let looksSinceShortest = 0;
  let lowLooks = 0;

  return {
    get bytes() {
      return size;
    },

    /** Takes a sample in and returns the window that is right now; the caller may grant less (`settle`). */
    wanted({ bytes, roundTripMs }: FlowSample): number {
      if (roundTripMs <= shortestMs || ++looksSinceShortest > LOOKS_REMEMBERED) {
        shortestMs = roundTripMs;
        looksSinceShortest = 0;
      }
      const needed = 2 * (bytes / roundTripMs) * shortestMs;
      lowLooks = needed < size / 4 ? lowLooks + 1 : 0;
      if (needed >= size * 0.75) return Math.min(size * 2, maxBytes);
      if (lowLooks < LOOKS_BEFORE_LOWERING) return size;
      lowLooks = 0;
      return Math.max(size / 2, minBytes);
    },

    /** The window that was granted. */
    settle(bytes: number): void {
      size = bytes;
    },
  };
}
