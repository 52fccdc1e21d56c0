import { describe, expect, it } from '@jest/globals';
import { createFileCleanup } from '../../src/domain/file-cleanup.js';
import { until } from '../support/until.js';

/** Files of which those named in `stuck` cannot be removed. */
function createFiles(stuck: Set<string>, removed: string[] = []) {
  const log: string[] = [];
  const say = (_values: object, message: string) => void log.push(message);
  const bytes = {
    async remove(fileId: string) {
      if (stuck.has(fileId)) throw new Error('stuck');
      removed.push(fileId);
    },
  };
  const cleanup = createFileCleanup({ bytes, log: { info: say, warn: say }, minDelayMs: 1, maxDelayMs: 4 });
  return { cleanup, log, removed };
}

describe('the clean-up of files', () => {
  it('tries again until all are removed, and reports when that is so', async () => {
    const stuck = new Set(['a', 'b']);
    const { cleanup, log, removed } = createFiles(stuck);
    await Promise.all(['a', 'b', 'c'].map((id) => cleanup.remove(id)));
    expect(removed).toEqual(['c']);
    await until(() => log.includes('deleted files still cannot be removed'));
    stuck.delete('b');
    await until(() => removed.includes('b'));
    stuck.delete('a');
    await until(() => log.at(-1) === 'removed the deleted files that were left');
    expect(removed).toEqual(['c', 'b', 'a']);
    expect(log.filter((line) => line.startsWith('cannot'))).toHaveLength(1);
    await cleanup.close();
  });

  it('works again for what comes after it was done', async () => {
    const stuck = new Set(['a']);
    const { cleanup, removed } = createFiles(stuck);
    for (const id of ['a', 'b']) {
      stuck.add(id);
      await cleanup.remove(id);
      stuck.clear();
      await until(() => removed.includes(id));
    }
    await cleanup.close();
  });

  it('ends its retries when it is closed', async () => {
    const { cleanup, log } = createFiles(new Set(['a']));
    await cleanup.remove('a');
    await until(() => log.length > 2);
    await cleanup.close();
    const lines = log.length;
    await cleanup.remove('a');
    await new Promise(setImmediate);
    expect(log).toHaveLength(lines);
  });
});
