/** How fast something goes now: over the last seconds, not since the start. */
export interface RateMeter {
  /** Notes a total that only grows, and returns its growth per second; undefined until there is some time to go by. */
  note(total: number, nowMs: number): number | undefined;
}

const WINDOW_MS = 5_000;

export function createRateMeter(): RateMeter {
  const samples: { readonly total: number; readonly ms: number }[] = [];
  return {
    note(total, nowMs) {
      samples.push({ total, ms: nowMs });
      // The oldest one stays until the next one is old enough to be it.
      while (samples.length > 2 && (samples[1]?.ms ?? nowMs) <= nowMs - WINDOW_MS) samples.shift();
      const [oldest] = samples;
      if (oldest === undefined || oldest.ms === nowMs) return undefined;
      return ((total - oldest.total) * 1_000) / (nowMs - oldest.ms);
    },
  };
}
