import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { benches } from '../../bench/benches/index.js';
import type { BenchResult } from '../../bench/harness/result.js';
import { isLong } from '../support/long-form.js';

const main = path.resolve(import.meta.dirname, '../../bench/main.js');

/** Beyond it a bench hangs, and is ended. */
const MAX_MS = 50_000;

async function bench(...args: string[]) {
  // Its processes end with it.
  return promisify(execFile)(process.execPath, [main, ...args], { timeout: MAX_MS });
}

/** The others take longer (rtt alone half of all): LEAT_LONG=1 runs them too. */
const short = ['append', 'publish', 'loop', 'unary', 'upload', 'download', 'echo', 'fanout'];

const spread = { median: expect.any(Number), min: expect.any(Number), max: expect.any(Number) };

describe('npm run bench', () => {
  it.each(isLong ? benches.map(({ name }) => name) : short)(
    '%s --quick --json prints one object with all that is compared',
    async (name) => {
      const { stdout, stderr } = await bench(name, '--quick', '--json');
      const result = JSON.parse(stdout) as BenchResult;
      const { unit, comparisons = [] } = benches.find((one) => one.name === name) ?? {};
      expect(Object.keys(result)).toEqual(['name', 'unit', 'variants', 'ratios']);
      expect(result).toMatchObject({ name, unit });
      expect(Object.keys(result.ratios)).toEqual(comparisons.map(({ ours, peer }) => `${ours} / ${peer}`));
      for (const { ours, peer } of comparisons) {
        expect(result.variants[ours]).toEqual(spread);
        expect(result.variants[peer]).toEqual(spread);
        expect(result.ratios[`${ours} / ${peer}`]).toBeGreaterThan(0);
      }
      for (const { median, min, max } of Object.values(result.variants)) {
        expect(min).toBeGreaterThan(0);
        expect(median).toBeGreaterThanOrEqual(min);
        expect(max).toBeGreaterThanOrEqual(median);
      }
      expect(stderr).toContain(`${name}: round 1 of 1`);
    },
  );

  it('refuses a name that is no bench, and says which there are', async () => {
    await expect(bench('nothing')).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`there are: all, ${benches.map(({ name }) => name).join(', ')}`),
    });
  });

  it('explains itself, with examples', async () => {
    const { stdout } = await bench('--help');
    for (const { name, summary } of benches) expect(stdout).toContain(`  ${name.padEnd(8)} ${summary}\n`);
    expect(stdout).toContain('Examples:');
  });
});
