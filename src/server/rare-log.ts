import type { CallLogger } from '../middleware/call-log.js';

/** Between two lines of the same kind. */
const PERIOD_MS = 60_000;

/** Writes a warning, unless the same was written within the last minute: then the next line says how often it happened. */
export type RareLog = (message: string, fields?: object) => void;

/** There must be few different messages; what varies belongs into their fields. */
export function createRareLog(log: Pick<CallLogger, 'warn'>): RareLog {
  const written = new Map<string, { at: number; suppressed: number }>();
  return (message, fields = {}) => {
    const now = performance.now();
    const last = written.get(message);
    if (last && now - last.at < PERIOD_MS) {
      last.suppressed++;
      return;
    }
    written.set(message, { at: now, suppressed: 0 });
    log.warn(last && last.suppressed > 0 ? { ...fields, suppressed: last.suppressed } : fields, message);
  };
}
