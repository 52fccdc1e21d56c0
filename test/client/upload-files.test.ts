import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { createLeatClient, LeatError, type LeatClient } from '../../src/client/index.js';
import { countOpen } from '../support/open-files.js';
import { createResourceStack } from '../support/resource-stack.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { makeTempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';
import { downloadAll } from '../support/uploads.js';

const PIECE = 256 << 10;
const resources = createResourceStack();
let server: LeatServer;
let client: LeatClient;
let dir: string;

beforeAll(async () => {
  server = resources.use(await startLeat());
  client = resources.use(createLeatClient({ address: `127.0.0.1:${server.grpcPort}` }));
  dir = resources.use(await makeTempDir()).path;
});
afterEach(() => void jest.restoreAllMocks());
afterAll(() => resources.dispose());

/** Calls `change` once, right after the size of the file was read for the first time. */
async function afterFirstStat(file: string, change: () => void): Promise<void> {
  const handle = await open(file);
  const { ino } = await handle.stat();
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its handle below
  const { stat } = prototype;
  let changed = false;
  const hooked = async function (this: FileHandle, ...args: Parameters<FileHandle['stat']>) {
    const stats = await stat.apply(this, args);
    if (!changed && Number(stats.ino) === ino) {
      changed = true;
      change();
    }
    return stats;
  };
  jest.spyOn(prototype, 'stat').mockImplementation(hooked);
}

/** Files whose size is not how much can be read: of /proc with the size 0, of /sys with 4096. */
const strange = [
  '/proc/version',
  '/proc/filesystems',
  '/sys/kernel/mm/transparent_hugepage/enabled',
  '/sys/kernel/notes',
];

describe('a file', () => {
  it.each(strange.filter((file) => existsSync(file)))(
    'is uploaded as it is read, whatever its size says: %s',
    async (file) => {
      const { blob, uploadId } = await client.upload(file, { uploadId: path.basename(file) });
      const content = readFileSync(file);
      expect(content.length).toBeGreaterThan(0);
      expect(blob).toMatchObject({ name: path.basename(file), size: BigInt(content.length) });
      expect((await downloadAll(server, { blobId: uploadId })).equals(content)).toBe(true);
      expect(await client.upload(file, { uploadId })).toMatchObject({ blob, sent: 0 });
      expect(await countOpen(file)).toBe(0);
    },
  );

  it('that grows or shrinks while it is read is refused, wherever that happens', async () => {
    const size = 40 * PIECE;
    const changes: Record<string, (file: string) => void> = {
      grows: (file) => appendFileSync(file, 'more'),
      shrinks: (file) => truncateSync(file, size - 1),
      'becomes empty': (file) => truncateSync(file, 0),
    };
    for (const [name, change] of Object.entries(changes)) {
      const file = path.join(dir, name);
      await writeFile(file, randomBytes(size));
      let changed = false;
      const uploading = client.upload(file, {
        uploadId: name.replaceAll(' ', '-'),
        onProgress() {
          if (!changed) change(file);
          changed = true;
        },
      });
      await expect(uploading).rejects.toMatchObject({ reason: 'SOURCE_CHANGED' });
      await expect(client.blobs.getBlob({ blobId: name.replaceAll(' ', '-') })).rejects.toMatchObject({
        reason: 'BLOB_NOT_FOUND',
      });
    }
  });

  it.each([
    ['grows', (file: string) => appendFileSync(file, 'more')],
    ['shrinks', (file: string) => truncateSync(file, 39 * PIECE)],
  ])('that %s right after it was opened is still refused when it grows while it is read', async (name, change) => {
    const file = path.join(dir, `opened-${name}`);
    await writeFile(file, randomBytes(40 * PIECE));
    await afterFirstStat(file, () => change(file));
    let changed = false;
    const uploading = client.upload(file, {
      uploadId: `opened-${name}`,
      onProgress() {
        if (!changed) appendFileSync(file, 'even more');
        changed = true;
      },
    });
    await expect(uploading).rejects.toMatchObject({ reason: 'SOURCE_CHANGED' });
    expect(await countOpen(file)).toBe(0);
  });

  it('that grows right after it was opened, and then no more, is uploaded completely', async () => {
    const file = path.join(dir, 'grown');
    await writeFile(file, randomBytes(2 * PIECE));
    await afterFirstStat(file, () => appendFileSync(file, 'more'));
    const { blob, uploadId } = await client.upload(file);
    expect(blob).toMatchObject({ name: 'grown', size: BigInt(2 * PIECE + 4) });
    expect((await downloadAll(server, { blobId: uploadId })).equals(readFileSync(file))).toBe(true);
  });

  it('that is empty becomes an empty blob', async () => {
    const file = path.join(dir, 'empty');
    await writeFile(file, '');
    expect((await client.upload(file)).blob).toMatchObject({ name: 'empty', size: 0n });
  });

  it('must be a regular file: a named pipe without a writer, a device and a folder are refused at once', async () => {
    const pipe = path.join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const file of [pipe, '/dev/null', dir]) {
      const openBefore = await countOpen(file);
      const failure = await client.upload(file).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LeatError);
      expect(failure).toMatchObject({ reason: 'SOURCE_FAILED', message: expect.stringContaining(file) });
      expect(await countOpen(file)).toBe(openBefore);
    }
  });

  it('whose size is not true leaves nothing open when its upload is aborted', async () => {
    const stop = new AbortController();
    const uploading = client.upload('/proc/filesystems', { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(uploading).rejects.toMatchObject({ name: 'AbortError' });
    await until(async () => (await countOpen('/proc/filesystems')) === 0);
  });
});
