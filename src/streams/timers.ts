/** Node fires a timer that is longer than this at once. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * What `setTimeout` takes for a wait of `ms`: whole, for it cuts fractions off and would fire too early, and no longer
 * than it can wait (24.8 days): who waits longer looks at the clock when it fires, and waits again.
 */
export function timerMs(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), longestTimerMs);
}
