import { describe, expect, it } from '@jest/globals';
import type { AdvanceUpload, CompleteUpload, RemoveBlob, StartUpload } from '../../src/store/files.js';
import { refusalOf } from './conditions.js';
import { contents, runOf, text } from './events.js';
import { ownStore } from './opened.js';
import type { OpenStore } from './opened.js';

const topic = 'sys/blobs';
const HOUR = 3_600_000;

function start(uploadId: string, fields: Partial<StartUpload> = {}): StartUpload {
  return {
    kind: 'start-upload',
    uploadId,
    expectedEpoch: 0,
    author: 'ada',
    fileId: `file-of-${uploadId}`,
    record: Buffer.from(`record of ${uploadId}`),
    expireTimeMs: HOUR,
    maxOpen: 100,
    ...fields,
  };
}

function advance(uploadId: string, epoch: number, committedSize: number, expireTimeMs = HOUR): AdvanceUpload {
  return { kind: 'advance-upload', uploadId, epoch, committedSize, expireTimeMs };
}

function complete(uploadId: string, epoch = 1, size = 10): CompleteUpload {
  return {
    kind: 'complete-upload',
    uploadId,
    epoch,
    size,
    record: Buffer.from(`blob ${uploadId}`),
    checksums: Buffer.from(`checksums of ${uploadId}`),
    topic,
    author: 'ada',
    event: runOf(text(`created ${uploadId}`)),
  };
}

function removeBlob(blobId: string, expectedRevision: number): RemoveBlob {
  return {
    kind: 'remove-blob',
    blobId,
    expectedRevision,
    topic,
    author: 'ada',
    event: runOf(text(`deleted ${blobId}`)),
  };
}

const removeUpload = (uploadId: string, epoch: number) => ({ kind: 'remove-upload', uploadId, epoch }) as const;

export function filesSuite(open: OpenStore): void {
  describe('uploads', () => {
    const subject = ownStore(open);
    const log = () => contents(subject.store, topic);

    it('are created, taken over and advanced under their epoch', async () => {
      const { store } = subject;
      const [created] = await store.write([start('u')]);
      expect(created).toMatchObject({ uploadId: 'u', author: 'ada', fileId: 'file-of-u', epoch: 1, committedSize: 0 });
      expect(Buffer.from(created.record).toString()).toBe('record of u');
      expect(Math.abs(created.createTimeMs - Date.now())).toBeLessThan(60_000);
      await store.write([advance('u', 1, 100)]);
      const other = { expectedEpoch: 1, author: 'eve', fileId: 'another', record: Buffer.from('other') };
      const [taken] = await store.write([start('u', { ...other, expireTimeMs: 2 * HOUR })]);
      expect(taken).toEqual({ ...created, epoch: 2, committedSize: 100, expireTimeMs: 2 * HOUR });
      expect(await store.upload('u')).toEqual(taken);
      const [advanced] = await store.write([advance('u', 2, 200, 3 * HOUR)]);
      expect(advanced).toEqual({ ...taken, committedSize: 200, expireTimeMs: 3 * HOUR });
    });

    it('refuse every change under another epoch, and leave nothing of it', async () => {
      const { store } = subject;
      await store.write([start('u')]);
      await store.write([start('u', { expectedEpoch: 1 })]);
      const before = await store.upload('u');
      const changes = [
        start('u'),
        start('u', { expectedEpoch: 1 }),
        advance('u', 1, 100),
        complete('u', 1),
        removeUpload('u', 1),
      ];
      for (const change of changes) {
        const refused = await refusalOf(store.write([change]));
        expect(refused).toMatchObject({ is: 'conflict UPLOAD_FENCED', metadata: { epoch: '2' } });
      }
      for (const change of [
        start('v', { expectedEpoch: 1 }),
        advance('v', 1, 1),
        complete('v'),
        removeUpload('v', 1),
      ]) {
        const refused = await refusalOf(store.write([change]));
        expect(refused).toMatchObject({ is: 'conflict UPLOAD_FENCED', metadata: { epoch: '0' } });
      }
      expect(await store.upload('u')).toEqual(before);
      expect(await log()).toEqual([]);
    });

    it('never go back, nor expire earlier', async () => {
      const { store } = subject;
      await store.write([start('u', { expireTimeMs: 2 * HOUR })]);
      await store.write([advance('u', 1, 100)]);
      const [advanced] = await store.write([advance('u', 1, 50)]);
      expect(advanced).toMatchObject({ committedSize: 100, expireTimeMs: 2 * HOUR });
    });

    it('are created once when many try at once', async () => {
      const { store } = subject;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => store.write([start('u', { fileId: `f${index}` })])),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('of one author are bounded', async () => {
      const { store } = subject;
      for (const id of ['a', 'b']) await store.write([start(id, { maxOpen: 2 })]);
      const refused = await refusalOf(store.write([start('c', { maxOpen: 2 })]));
      expect(refused).toMatchObject({ is: 'exhausted TOO_MANY_UPLOADS', metadata: { limit: '2' } });
      // One that is there may go on, another author begin, and one that ends makes room.
      await store.write([start('a', { maxOpen: 2, expectedEpoch: 1 })]);
      await store.write([start('c', { maxOpen: 2, author: 'eve' })]);
      await store.write([complete('b')]);
      await store.write([start('d', { maxOpen: 2 })]);
    });

    it('are listed by author in the order of their ids by bytes, page by page', async () => {
      const { store } = subject;
      const ids = ['B', 'a', 'a-b', 'a.b', 'aa', 'b'];
      for (const id of [...ids].reverse()) await store.write([start(id)]);
      await store.write([start('a0', { author: 'eve' })]);
      const list = async (after: string, limit: number, author = 'ada') =>
        (await store.listUploads({ author, after, limit })).map(({ uploadId }) => uploadId);
      expect(await list('', 100)).toEqual(ids);
      expect(await list('a', 2)).toEqual(['a-b', 'a.b']);
      expect(await list('', 100, 'eve')).toEqual(['a0']);
      expect(await list('', 100, 'bob')).toEqual([]);
    });

    it('whose time has come are found, those first that are overdue the longest', async () => {
      const { store } = subject;
      for (const [id, time] of [['late', 30] as const, ['early', 10] as const, ['never', 90] as const]) {
        await store.write([start(id, { expireTimeMs: time })]);
      }
      const expired = async (nowMs: number, limit: number) =>
        (await store.expiredUploads({ nowMs, limit })).map(({ uploadId }) => uploadId);
      expect(await expired(9, 10)).toEqual([]);
      expect(await expired(30, 10)).toEqual(['early', 'late']);
      expect(await expired(30, 1)).toEqual(['early']);
    });

    it('are forgotten when they are removed; their id is free again', async () => {
      const { store } = subject;
      await store.write([start('u')]);
      await store.write([removeUpload('u', 1)]);
      expect(await store.upload('u')).toBeUndefined();
      expect(await store.fileOwner('file-of-u')).toBeUndefined();
      const [again] = await store.write([start('u', { fileId: 'second' })]);
      expect(again).toMatchObject({ epoch: 1, fileId: 'second' });
    });
  });

  describe('blobs', () => {
    const subject = ownStore(open);
    const log = () => contents(subject.store, topic);

    it('come of uploads, with the event that tells of it, whose offset is their revision', async () => {
      const { store } = subject;
      await store.write([start('b'), advance('b', 1, 7), start('other')]);
      expect(await store.fileOwner('file-of-b')).toEqual({ kind: 'upload', size: 7 });
      const [result] = await store.write([complete('b')]);
      expect(result).toEqual({ revision: 1 });
      const blob = await store.blob('b');
      expect(blob).toMatchObject({ blobId: 'b', fileId: 'file-of-b', size: 10, revision: 1 });
      expect(Buffer.from(blob?.record ?? []).toString()).toBe('blob b');
      const checksums = await store.blobChecksums('file-of-b');
      expect(Buffer.from(checksums ?? []).toString()).toBe('checksums of b');
      expect(await store.upload('b')).toBeUndefined();
      expect(await store.fileOwner('file-of-b')).toEqual({ kind: 'blob', size: 10 });
      expect(await log()).toEqual(['1 created b']);
    });

    it('keep their id from uploads until they are removed at the revision that is expected', async () => {
      const { store } = subject;
      await store.write([start('b')]);
      await store.write([complete('b')]);
      expect((await refusalOf(store.write([start('b', { fileId: 'second' })]))).is).toBe('exists BLOB_EXISTS');
      for (const revision of [0, 2]) {
        const refused = await refusalOf(store.write([removeBlob('b', revision)]));
        expect(refused).toMatchObject({ is: 'conflict REVISION_MISMATCH', metadata: { revision: '1' } });
      }
      expect(await store.write([removeBlob('b', 1)])).toEqual([{ revision: 2 }]);
      expect(await store.blob('b')).toBeUndefined();
      expect(await store.blobChecksums('file-of-b')).toBeUndefined();
      expect(await store.fileOwner('file-of-b')).toBeUndefined();
      const gone = await refusalOf(store.write([removeBlob('b', 1)]));
      expect(gone).toMatchObject({ is: 'conflict REVISION_MISMATCH', metadata: { revision: '0' } });
      await store.write([start('b', { fileId: 'second' })]);
      expect(await log()).toEqual(['1 created b', '2 deleted b']);
    });

    it('are made in a unit as a whole, or not at all', async () => {
      const { store } = subject;
      await store.write([start('a'), start('b')]);
      const refused = await refusalOf(store.write([complete('a'), complete('b', 7)]));
      expect(refused.is).toBe('conflict UPLOAD_FENCED');
      expect(await store.blob('a')).toBeUndefined();
      expect(await store.upload('a')).toMatchObject({ epoch: 1 });
      expect(await log()).toEqual([]);
    });

    it('are listed in the order of their ids by bytes, page by page', async () => {
      const { store } = subject;
      const ids = ['B', 'a', 'a-b', 'aa', 'b'];
      for (const id of [...ids].reverse()) await store.write([start(id), complete(id)]);
      const list = async (after: string, limit: number) =>
        (await store.listBlobs({ after, limit })).map(({ blobId }) => blobId);
      expect(await list('', 100)).toEqual(ids);
      expect(await list('a', 2)).toEqual(['a-b', 'aa']);
      expect((await store.listBlobs({ after: '', limit: 1 }))[0]).toEqual(await store.blob('B'));
    });

    it('are there after the store was opened again, as are uploads', async () => {
      await subject.store.write([start('u'), advance('u', 1, 5), start('b'), complete('b')]);
      const before = [await subject.store.upload('u'), await subject.store.blob('b')];
      await subject.store.close();
      const again = await subject.reopen();
      expect([await again.upload('u'), await again.blob('b')]).toEqual(before);
    });
  });
}
