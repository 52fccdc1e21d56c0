import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { type ByteStore, CHECKSUM_BYTES } from '../../src/store/byte-store.js';
import { openFileByteStore } from '../../src/store/bytes/index.js';
import { refusalOf } from '../store-suite/conditions.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';

let dir: TempDir;
let bytes: ByteStore;
let names = 0;
const fresh = () => `file-${++names}`;
const pathOf = (fileId: string) => path.join(dir.path, 'files', fileId);

beforeEach(async () => {
  dir = await makeTempDir();
  bytes = await openFileByteStore({ dataDir: dir.path });
});
afterEach(async () => {
  await bytes.close();
  await dir[Symbol.asyncDispose]();
});

/** What `digest` must say of a content. */
function digestOf(content: Buffer) {
  const pages = Array.from({ length: Math.ceil(content.length / CHECKSUM_BYTES) }, (_, index) =>
    crc32c(content.subarray(index * CHECKSUM_BYTES, (index + 1) * CHECKSUM_BYTES)),
  );
  const checksums = Buffer.alloc(pages.length * 4);
  pages.forEach((page, index) => checksums.writeUInt32LE(page, index * 4));
  return { sha256: createHash('sha256').update(content).digest('hex'), checksums: checksums.toString('hex') };
}

const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

describe('a byte store', () => {
  it('holds what was written, in whatever pieces and over whatever openings, and digests it', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 200_000 })), {
      maxLength: 8,
    });
    /** Each opening cuts the file at a part of what is there, then writes these pieces. */
    const openings = fc.array(fc.record({ keeps: fc.double({ min: 0, max: 1, noNaN: true }), sizes }), {
      minLength: 1,
      maxLength: 4,
    });
    const property = fc.asyncProperty(openings, async (steps) => {
      const fileId = fresh();
      let content = Buffer.alloc(0);
      for (const { keeps, sizes } of steps) {
        content = content.subarray(0, Math.floor(content.length * keeps));
        const writer = await bytes.openWriter(fileId, content.length);
        const pieces = sizes.map((size) => randomBytes(size));
        const written = pieces.map((piece) => writer.write([Buffer.from(piece)]));
        content = Buffer.concat([content, ...pieces]);
        const at = Math.floor(content.length / 3);
        const same = writer.isSame(at, content.subarray(at));
        const other = writer.isSame(at, Buffer.concat([content.subarray(at), Buffer.of(1)]));
        const digest = await writer.digest();
        await Promise.all([...written, writer.sync()]);
        expect([await same, await other]).toEqual([true, false]);
        expect({ sha256: hex(digest.sha256), checksums: hex(digest.checksums) }).toEqual(digestOf(content));
        await writer.close();
        expect(readFileSync(pathOf(fileId)).equals(content)).toBe(true);
      }
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('writes many pieces at once, small ones that share memory among them', async () => {
    const writer = await bytes.openWriter('f', 0);
    const content = randomBytes(500_000);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < content.length; at += 777) pieces.push(content.subarray(at, at + 777));
    await writer.write([...pieces.slice(0, 300), randomBytes(0), ...pieces.slice(300)]);
    await writer.close();
    expect(readFileSync(pathOf('f')).equals(content)).toBe(true);
    // What was shared is still there.
    expect(content.length).toBe(500_000);
  });

  it('refuses to go on behind bytes that are missing', async () => {
    writeFileSync(pathOf('f'), Buffer.alloc(9));
    expect((await refusalOf(bytes.openWriter('f', 10))).is).toBe('data-loss STORE_DAMAGED');
    expect((await refusalOf(bytes.openReader('nothing'))).is).toBe('data-loss STORE_DAMAGED');
    const reader = await bytes.openReader('f');
    expect((await refusalOf(reader.read(0, Buffer.alloc(10)))).is).toBe('data-loss STORE_DAMAGED');
    const target = Buffer.alloc(4, 7);
    await reader.read(5, target);
    expect(target.equals(Buffer.alloc(4))).toBe(true);
    await Promise.all([reader.close(), reader.close()]);
  });

  it('lists, cuts and removes files; what is not there is no error', async () => {
    for (const name of ['a', 'b']) writeFileSync(pathOf(name), Buffer.alloc(100));
    await bytes.truncate('a', 40);
    await bytes.truncate('b', 400);
    await bytes.truncate('c', 1);
    expect([readFileSync(pathOf('a')).length, readFileSync(pathOf('b')).length]).toEqual([40, 100]);
    const listed: string[] = [];
    for await (const name of bytes.list()) listed.push(name);
    expect(listed.sort()).toEqual(['a', 'b']);
    await bytes.remove('a');
    await bytes.remove('a');
    expect(readdirSync(path.dirname(pathOf('a')))).toEqual(['b']);
    expect(await bytes.freeBytes()).toBeGreaterThan(0);
  });

  it('refuses writers when it is closed', async () => {
    const writer = await bytes.openWriter('f', 0);
    await bytes.close();
    await bytes.close();
    expect((await refusalOf(writer.write([Buffer.alloc(1)]))).is).toBe('unavailable STORE_CLOSED');
    expect((await refusalOf(bytes.openWriter('g', 0))).is).toBe('unavailable STORE_CLOSED');
  });

  it('has no digest for a file that somebody cut off', async () => {
    writeFileSync(pathOf('f'), Buffer.alloc(4_000_000));
    const writer = await bytes.openWriter('f', 4_000_000);
    truncateSync(pathOf('f'), 0);
    expect((await refusalOf(writer.digest())).is).toBe('data-loss STORE_DAMAGED');
    await writer.close();
  });

  it('says what is wrong if it cannot look at its disk', async () => {
    rmSync(path.join(dir.path, 'files'), { recursive: true });
    expect(await refusalOf(bytes.freeBytes())).toMatchObject({ is: 'unavailable STORE_UNREADABLE' });
  });
});
