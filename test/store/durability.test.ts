import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectorySync } from '../../src/store/bytes/directory-sync.js';
import { createLimiter } from '../../src/store/bytes/limiter.js';
import { OpenFile } from '../../src/store/bytes/open-file.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';

let dir: TempDir;
/** A directory that cannot be synced until it is made. */
let missing: string;

beforeEach(async () => {
  dir = await makeTempDir();
  missing = path.join(dir.path, 'missing');
});
afterEach(() => dir[Symbol.asyncDispose]());

describe('the sync of a directory', () => {
  it('says that it failed until one has not, and is tried again', async () => {
    const directory = new DirectorySync(missing);
    directory.created();
    await expect(directory.done()).rejects.toThrow('ENOENT');
    await expect(directory.done()).rejects.toThrow('ENOENT');
    mkdirSync(missing);
    await directory.done();
    directory.created();
    await directory.done();
  });
});

describe('an open file', () => {
  it('is never said to be durable after a sync of it has failed', async () => {
    const directory = new DirectorySync(missing);
    const file = OpenFile.open('file', 0, { path: dir.path, directory, syncs: createLimiter(1) });
    try {
      file.write([Buffer.from('lost')]);
      await expect(file.sync()).rejects.toThrow('ENOENT');
      mkdirSync(missing);
      await expect(file.sync()).rejects.toThrow('ENOENT');
    } finally {
      await file.close();
    }
  });
});
