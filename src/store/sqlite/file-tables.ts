import type { Database } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type {
  AdvanceUpload,
  CompleteUpload,
  FileResultByKind,
  RemoveBlob,
  RemoveUpload,
  StartUpload,
} from '../files.js';
import type { Appender } from './append.js';
import { toStoredUpload, type UploadRow } from './file-rows.js';

type Announced = CompleteUpload | RemoveBlob;

/** Carries out what changes uploads and blobs: the row, and the event that tells of it, in one unit. */
export class FileTables {
  private readonly selectUpload;
  private readonly countUploads;
  private readonly insertUpload;
  private readonly takeOver;
  private readonly advanceUpload;
  private readonly deleteUpload;
  private readonly selectRevision;
  private readonly insertBlob;
  private readonly deleteBlob;

  constructor(
    db: Database,
    private readonly appender: Appender,
  ) {
    this.selectUpload = db.prepare<[string], UploadRow>('SELECT * FROM uploads WHERE upload_id = ?');
    this.countUploads = db.prepare<[string], number>('SELECT count(*) FROM uploads WHERE author = ?').pluck();
    this.insertUpload = db.prepare('INSERT INTO uploads VALUES (?, ?, ?, 1, 0, ?, ?, ?)');
    this.takeOver = db.prepare('UPDATE uploads SET epoch = epoch + 1, expire_time = ? WHERE upload_id = ?');
    this.advanceUpload = db.prepare(
      `UPDATE uploads SET committed_size = max(committed_size, ?), expire_time = max(expire_time, ?)
       WHERE upload_id = ?`,
    );
    this.deleteUpload = db.prepare('DELETE FROM uploads WHERE upload_id = ?');
    this.selectRevision = db.prepare<[string], number>('SELECT revision FROM blobs WHERE blob_id = ?').pluck();
    this.insertBlob = db.prepare('INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?)');
    this.deleteBlob = db.prepare('DELETE FROM blobs WHERE blob_id = ?');
  }

  start(change: StartUpload, nowMs: number): FileResultByKind['start-upload'] {
    const { uploadId, author, expireTimeMs } = change;
    if (this.selectRevision.get(uploadId) !== undefined) throw blobExists(uploadId);
    const epoch = this.selectUpload.get(uploadId)?.epoch ?? 0;
    if (epoch !== change.expectedEpoch) throw fenced(uploadId, epoch, change.expectedEpoch);
    if (change.expectedEpoch > 0) {
      this.takeOver.run(expireTimeMs, uploadId);
    } else {
      this.checkCount(change);
      this.insertUpload.run(uploadId, author, change.fileId, nowMs, expireTimeMs, change.record);
    }
    return this.storedUpload(uploadId);
  }

  advance(change: AdvanceUpload): FileResultByKind['advance-upload'] {
    this.owned(change);
    this.advanceUpload.run(change.committedSize, change.expireTimeMs, change.uploadId);
    return this.storedUpload(change.uploadId);
  }

  complete(change: CompleteUpload, nowMs: number): FileResultByKind['complete-upload'] {
    const { uploadId, size, record, checksums } = change;
    const { file_id } = this.owned(change);
    this.deleteUpload.run(uploadId);
    const revision = this.announce(change, nowMs);
    this.insertBlob.run(uploadId, file_id, size, revision, record, checksums);
    return { revision };
  }

  removeUpload(change: RemoveUpload): FileResultByKind['remove-upload'] {
    this.owned(change);
    this.deleteUpload.run(change.uploadId);
    return {};
  }

  removeBlob(change: RemoveBlob, nowMs: number): FileResultByKind['remove-blob'] {
    const revision = this.selectRevision.get(change.blobId) ?? 0;
    if (revision !== change.expectedRevision) throw revisionMismatch(change, revision);
    this.deleteBlob.run(change.blobId);
    return { revision: this.announce(change, nowMs) };
  }

  private storedUpload(uploadId: string): FileResultByKind['start-upload'] {
    const row = this.selectUpload.get(uploadId);
    if (!row) throw new Error(`upload ${uploadId} vanished`);
    return toStoredUpload(row);
  }

  private announce({ topic, author, event }: Announced, nowMs: number): number {
    return this.appender.append({ kind: 'append-events', topic, author, events: event }, nowMs).lastOffset;
  }

  /** The upload, if it is there and at the epoch of the change. */
  private owned({ uploadId, epoch }: AdvanceUpload | CompleteUpload | RemoveUpload): UploadRow {
    const row = this.selectUpload.get(uploadId);
    if (row?.epoch !== epoch) throw fenced(uploadId, row?.epoch ?? 0, epoch);
    return row;
  }

  private checkCount({ author, maxOpen }: StartUpload): void {
    if ((this.countUploads.get(author) ?? 0) < maxOpen) return;
    throw new DomainError(
      'exhausted',
      'TOO_MANY_UPLOADS',
      `the caller has ${maxOpen} uploads that are not finished: finish or cancel some (ListUploads tells which)`,
      { metadata: { limit: `${maxOpen}` } },
    );
  }
}

function fenced(uploadId: string, epoch: number, expected: number): DomainError {
  const message = `upload "${uploadId}" is at epoch ${epoch}, not ${expected}`;
  return new DomainError('conflict', 'UPLOAD_FENCED', message, { metadata: { epoch: `${epoch}` } });
}

function blobExists(uploadId: string): DomainError {
  return new DomainError('exists', 'BLOB_EXISTS', `"${uploadId}" is a blob already`, {
    resource: { type: 'leat.v1.Blob', name: uploadId },
  });
}

function revisionMismatch({ blobId, expectedRevision }: RemoveBlob, revision: number): DomainError {
  const message = `blob "${blobId}" is at revision ${revision}, not ${expectedRevision}`;
  return new DomainError('conflict', 'REVISION_MISMATCH', message, { metadata: { revision: `${revision}` } });
}
