/** Processor time of this process so far, all threads, in seconds. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Runs `work` and tells how long it took and how busy this process was (1 = one core). */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number; cpu: number }> {
  const [startedAt, cpuBefore] = [performance.now(), cpuSeconds()];
  const value = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  return { value, seconds, cpu: (cpuSeconds() - cpuBefore) / seconds };
}
