import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/** How late the event loop was since the last scrape, in seconds. Returns the function that ends the measuring. */
export function measureEventLoopDelay(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: 'leat_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const percentile of [50, 90, 99, 100]) {
        // A histogram without a sample says 0, or 511 for the highest.
        const nanoseconds = delay.count > 0 ? delay.percentile(percentile) : 0;
        this.set({ quantile: String(percentile / 100) }, nanoseconds / 1e9);
      }
      delay.reset();
    },
  });
  return () => void delay.disable();
}
