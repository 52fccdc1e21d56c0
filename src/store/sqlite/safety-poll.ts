import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { Database } from 'better-sqlite3';
import { sqliteCode } from './sqlite-errors.js';
import type { Warn } from './schema.js';
import type { Wakes } from './wakes.js';

/** Topics that are compared between two turns of the event loop. */
const TURN = 100;

export interface SafetyPollOptions {
  readonly intervalMs: number;
  /** Takes the first failure of each time in which the database cannot be read. */
  readonly warn: Warn;
  /** Takes what nobody expected; called at most once. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * Makes up for wake-ups that were lost: whenever another connection has committed since the last look (SQLite's
 * data_version), topics that somebody waits for and whose head moved are woken. One for the process, never per reader.
 * Returns the function that ends it.
 */
export function startSafetyPoll(
  db: Database,
  wakes: Wakes,
  { intervalMs, warn, onFatal }: SafetyPollOptions,
): () => void {
  const stopping = new AbortController();
  const selectHead = db.prepare<[string], number>('SELECT head_offset FROM topics WHERE name = ?').pluck();
  const version = () => db.pragma('data_version', { simple: true }) as number;

  async function run(): Promise<void> {
    let seenVersion = -1;
    let seenHeads = new Map<string, number>();
    let hasFailed = false;
    for (;;) {
      await pause(intervalMs, undefined, { signal: stopping.signal, ref: false });
      try {
        const now = version();
        if (now === seenVersion) continue;
        seenHeads = await compare(seenHeads);
        seenVersion = now;
        hasFailed = false;
      } catch (error) {
        // Readers tell their callers what is wrong with the database; the next look may find it well again.
        if (sqliteCode(error) === '') throw error;
        if (!hasFailed) warn({ err: error }, 'cannot look for new events, trying again');
        hasFailed = true;
      }
    }
  }

  async function compare(before: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const heads = new Map<string, number>();
    for (const [index, topic] of wakes.topics().entries()) {
      if (index % TURN === TURN - 1) await nextTurn(undefined, { signal: stopping.signal });
      const head = selectHead.get(topic) ?? 0;
      heads.set(topic, head);
      // A topic that is new here may have grown before its reader armed: waking it for nothing is harmless.
      if (before.get(topic) !== head) wakes.wake(topic);
    }
    return heads;
  }

  run().catch((error: unknown) => {
    if (!stopping.signal.aborted) onFatal(error);
  });
  return () => stopping.abort();
}
