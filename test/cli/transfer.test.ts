import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileNameOf } from '../../src/cli/download-target.js';
import { formatDuration, formatTransfer } from '../../src/cli/format-transfer.js';
import { mediaTypeOf } from '../../src/cli/media-type.js';
import { createRateMeter } from '../../src/cli/rate-meter.js';
import { describeAmount } from '../../src/cli/transfer-report.js';
import { findInput, type InputOptions } from '../../src/cli/upload-input.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';

describe('describeAmount', () => {
  it.each([
    [3_000_000, 110, '2.9 MiB in 0.1 s (26.0 MiB/s)'],
    [1_024, 2, '1.0 KiB in 0.1 s (500.0 KiB/s)'],
    [104_857_600, 9_940, '100.0 MiB in 9.9 s (10.1 MiB/s)'],
    [104_857_600, 65_000, '100.0 MiB in 1 min 5 s (1.5 MiB/s)'],
  ])('of %d bytes in %d ms is %s', (bytes, elapsedMs, expected) => {
    expect(describeAmount(bytes, elapsedMs)).toBe(expected);
  });
});

describe('formatTransfer', () => {
  it('tells all that is known, and nothing that is not', () => {
    const sample = { position: 1 << 20, size: 4 << 20, rate: 512 << 10, durable: 1000 << 10 };
    expect(formatTransfer(sample)).toBe(
      '[#####...............]  25 %  1.0 MiB of 4.0 MiB  512.0 KiB/s  6 s left  1000.0 KiB durable',
    );
    expect(formatTransfer({ position: 5 })).toBe('5 B  -');
    expect(formatTransfer({ position: 0, size: 0, rate: 0 })).toBe('0 B of 0 B  0 B/s');
    expect(formatTransfer({ position: 7, size: 5, rate: 1 })).toContain(' 99 %  7 B of 5 B  1 B/s  0 s left');
  });

  it('shows 100 % only when all is durable', () => {
    expect(formatTransfer({ position: 5, size: 5, durable: 4 })).toMatch(/^\[#{19}\.\] {2}99 % /);
    expect(formatTransfer({ position: 5, size: 5 })).toContain(' 99 % ');
    expect(formatTransfer({ position: 5, size: 5, durable: 5 })).toMatch(/^\[#{20}\] 100 % /);
  });

  it.each([
    [0, '0 s'],
    [0.2, '1 s'],
    [59.2, '1 min 0 s'],
    [3_599, '59 min 59 s'],
    [7_860, '2 h 11 min'],
    [400_000, '4 d 15 h'],
  ])('writes %d seconds as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe('the rate', () => {
  it('is of the last seconds, not since the start', () => {
    const meter = createRateMeter();
    expect(meter.note(0, 0)).toBeUndefined();
    expect(meter.note(1_000, 1_000)).toBe(1_000);
    for (let ms = 2_000; ms <= 20_000; ms += 1_000) meter.note(1_000, ms);
    expect(meter.note(1_000, 21_000)).toBe(0);
    expect(meter.note(6_000, 22_000)).toBe(1_000);
  });
});

describe('media types', () => {
  it.each([
    ['a.PNG', 'image/png'],
    ['dump.tar.gz', 'application/gzip'],
    ['README', 'application/octet-stream'],
    ['x.toString', 'application/octet-stream'],
    ['notes.md', 'text/markdown'],
  ])('of %s is %s', (name, type) => expect(mediaTypeOf(name)).toBe(type));
});

describe('the name of a downloaded file', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\temp\\a.txt', 'a.txt'],
    ['..', 'id'],
    ['', 'id'],
    ['.bashrc', 'bashrc'],
    ['a\u001b[31m\n:b', 'a_[31m__b'],
    ['é'.repeat(200), 'id'],
  ])('of a blob that is called %j is %j', (name, file) => expect(fileNameOf({ blobId: 'id', name })).toBe(file));
});

describe('the id of an upload', () => {
  let dir: TempDir;
  beforeAll(async () => void (dir = await makeTempDir()));
  afterAll(() => dir[Symbol.asyncDispose]());

  it('stays the same for a file that is not changed, and is another one otherwise', async () => {
    const file = path.join(dir.path, 'file.txt');
    const idOf = async (options: InputOptions = {}, name = file) => (await findInput(name, options, process)).uploadId;
    await writeFile(file, 'abc');
    const id = await idOf();
    expect(id).toMatch(/^file-[0-9a-f]{32}$/);
    expect(await idOf()).toBe(id);
    expect(await idOf({}, path.relative(process.cwd(), file))).toBe(id);
    expect(await idOf({ id: 'own' })).toBe('own');
    const others = [await idOf({ name: 'other' }), await idOf({ type: 'text/x' })];
    await utimes(file, new Date(), new Date(1e12));
    others.push(await idOf());
    await writeFile(file, 'abcd');
    await utimes(file, new Date(), new Date(1e12));
    others.push(await idOf());
    expect(new Set([id, ...others]).size).toBe(5);
  });
});
