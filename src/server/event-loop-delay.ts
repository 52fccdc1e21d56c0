import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

const RESOLUTION_MS = 10;

/** How late the event loop was since the last scrape, in seconds. Returns the function that ends the measuring. */
export function measureEventLoopDelay(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  new Gauge({
    name: 'leat_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const percentile of [50, 90, 99, 100]) {
        // What is measured is the interval of a timer.
        const interval = delay.count > 0 ? delay.percentile(percentile) / 1e6 : 0;
        this.set({ quantile: String(percentile / 100) }, Math.max(interval - RESOLUTION_MS, 0) / 1000);
      }
      delay.reset();
    },
  });
  return () => void delay.disable();
}
