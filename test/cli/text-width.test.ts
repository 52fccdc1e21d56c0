import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatTable } from '../../src/cli/format-table.js';
import { formatBar, formatBytes, formatProgress } from '../../src/cli/progress.js';
import { fitLine, textWidth } from '../../src/cli/text-width.js';

const FAMILY = '👨‍👩‍👧‍👦';

describe('formatTable', () => {
  it('aligns columns by display width: wide characters, emoji and combining marks', () => {
    const names = ['日本', 'cafe\u0301', FAMILY, '🇩🇪', 'plain'];
    const table = formatTable(
      ['NAME', 'SIZE'],
      names.map((name) => [name, '1 B']),
    );
    const starts = table
      .trimEnd()
      .split('\n')
      .map((line) => textWidth(line.slice(0, line.search(/SIZE|1 B/))));
    expect(new Set(starts)).toEqual(new Set([7]));
  });

  it('shortens texts and keeps numbers complete in a narrow terminal', () => {
    const rows = [
      ['a-very-long-identifier-of-a-file', 'quarterly report of all regions.pdf', '1048576', '12.5 MiB'],
      ['短い', 'x', '7', '999 B'],
    ];
    expect(formatTable(['ID', 'NAME', 'OFFSET', 'SIZE'], rows, { columns: 48 })).toBe(
      'ID             NAME            OFFSET   SIZE\n' +
        'a-very-long-…  quarterly rep…  1048576  12.5 MiB\n' +
        '短い           x               7        999 B\n',
    );
    expect(formatTable(['ID', 'NAME', 'OFFSET', 'SIZE'], rows, { columns: 28 })).toBe(
      'ID           NAME          …\na-very-lon…  quarterly r…  …\n短い         x             …\n',
    );
  });

  it('is never wider than the terminal, and shows each number completely or not at all', () => {
    const cell = fc.oneof(
      fc.bigInt({ min: 0n, max: 10n ** 18n }).map(String),
      fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replace(/[\d\s.,…-]/g, 'x')),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constant('name'), cell, fc.nat().map(String)), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 8, max: 100 }),
        (rows, columns) => {
          const lines = formatTable(['NAME', 'TEXT', 'COUNT'], rows, { columns }).trimEnd().split('\n');
          expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(columns);
          lines.slice(1).forEach((line, index) => {
            const numbers = rows[index]?.filter((value) => /^\d+$/.test(value)) ?? [];
            expect(line).not.toMatch(/\d…/);
            for (const shown of line.match(/(?<=^|\s)\d+(?=\s|$)/g) ?? []) expect(numbers).toContain(shown);
          });
        },
      ),
    );
  });
});

describe('fitLine', () => {
  it('leaves out parts that do not fit, and cuts none', () => {
    const line = formatProgress({ lines: 12_345, bytes: 3 << 20, durableLines: 12_000, totalBytes: 4 << 20 }, 2_000);
    for (let columns = 0; columns <= 120; columns++) {
      const fitted = fitLine(line, columns);
      expect(textWidth(fitted)).toBeLessThanOrEqual(columns);
      expect(line === fitted || /^(?:\[?#*\.*…)?$/.test(fitted) || line.startsWith(`${fitted}  `)).toBe(true);
    }
    expect(fitLine('日本語.txt  5 B', 10)).toBe('日本語.txt');
    expect(fitLine('日本語.txt  5 B', 9)).toBe('日本語.t…');
  });
});

describe('formatBar', () => {
  it('shows 100 % only when all of it is durable', () => {
    expect(formatBar(1, false)).toBe('[###################.]  99 %');
    expect(formatBar(1, true)).toBe('[####################] 100 %');
    const sample = { lines: 10, bytes: 100, totalBytes: 100 };
    expect(formatProgress({ ...sample, durableLines: 9 }, 1_000)).toContain(' 99 %');
    expect(formatProgress({ ...sample, durableLines: 10 }, 1_000)).toContain('100 %');
  });
});

describe('formatBytes', () => {
  it.each([
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1024 ** 3 - 1, '1.0 GiB'],
    [1000 * 1024, '1000.0 KiB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
