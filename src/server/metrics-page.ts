import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from 'prom-client';

/** All metrics as text, for any number of readers. */
export interface MetricsPage {
  readonly contentType: string;
  /** Rendered after the call. Rejects if a metric cannot be read. */
  render(): Promise<Buffer>;
}

/** Rendering takes at most this share of the time: after it took 10 ms, the next one begins 90 ms later. */
const SHARE = 0.1;
/** But readers do not wait longer than this, in milliseconds. */
const MAX_PAUSE_MS = 1_000;

/** Renders once for all who ask at the same time, and makes them wait a moment if they ask too often. */
export function createMetricsPage(registry: Registry): MetricsPage {
  let waiting: Promise<Buffer> | undefined;
  let rendering: Promise<void> = Promise.resolve();
  let notBefore = 0;

  async function renderNext(): Promise<Buffer> {
    await rendering;
    const pauseMs = notBefore - performance.now();
    if (pauseMs > 0) await delay(pauseMs);
    waiting = undefined;
    const text = readAll();
    rendering = text.then(
      () => undefined,
      () => undefined,
    );
    return text;
  }

  async function readAll(): Promise<Buffer> {
    const start = performance.now();
    try {
      return Buffer.from(await registry.metrics());
    } finally {
      const now = performance.now();
      notBefore = now + Math.min(MAX_PAUSE_MS, (now - start) * (1 / SHARE - 1));
    }
  }

  return { contentType: registry.contentType, render: () => (waiting ??= renderNext()) };
}
