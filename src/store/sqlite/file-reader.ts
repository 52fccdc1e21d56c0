import type { Database } from 'better-sqlite3';
import type { FileLookups, FileOwner } from '../files.js';
import { BLOB_COLUMNS, type BlobRow, toStoredBlob, toStoredUpload, type UploadRow } from './file-rows.js';
import type { ReadAs } from './reader.js';

/** The look-ups of uploads and blobs. */
export function createFileReader(db: Database, read: ReadAs): FileLookups {
  const selectUpload = db.prepare<[string], UploadRow>('SELECT * FROM uploads WHERE upload_id = ?');
  const selectUploads = db.prepare<[string, string, number], UploadRow>(
    'SELECT * FROM uploads WHERE author = ? AND upload_id > ? ORDER BY upload_id LIMIT ?',
  );
  const selectExpired = db.prepare<[number, number], UploadRow>(
    'SELECT * FROM uploads WHERE expire_time <= ? ORDER BY expire_time LIMIT ?',
  );
  const selectActive = db.prepare<[number, number], UploadRow>(
    'SELECT * FROM uploads WHERE expire_time > ? ORDER BY expire_time DESC LIMIT ?',
  );
  const selectBlob = db.prepare<[string], BlobRow>(`SELECT ${BLOB_COLUMNS} FROM blobs WHERE blob_id = ?`);
  const selectChecksums = db.prepare<[string], Buffer>('SELECT checksums FROM blobs WHERE file_id = ?').pluck();
  const selectBlobs = db.prepare<[string, number], BlobRow>(
    `SELECT ${BLOB_COLUMNS} FROM blobs WHERE blob_id > ? ORDER BY blob_id LIMIT ?`,
  );
  const selectOwner = db.prepare<{ fileId: string }, FileOwner>(
    `SELECT 'upload' AS kind, committed_size AS size FROM uploads WHERE file_id = :fileId
     UNION ALL SELECT 'blob', size FROM blobs WHERE file_id = :fileId`,
  );

  return {
    upload: read((uploadId: string) => optional(selectUpload.get(uploadId), toStoredUpload)),
    listUploads: read(({ author, after, limit }: { author: string; after: string; limit: number }) =>
      selectUploads.all(author, after, limit).map(toStoredUpload),
    ),
    expiredUploads: read(({ nowMs, limit }: { nowMs: number; limit: number }) =>
      selectExpired.all(nowMs, limit).map(toStoredUpload),
    ),
    activeUploads: read(({ expireAfterMs, limit }: { expireAfterMs: number; limit: number }) =>
      selectActive.all(expireAfterMs, limit).map(toStoredUpload),
    ),
    blob: read((blobId: string) => optional(selectBlob.get(blobId), toStoredBlob)),
    blobChecksums: read((fileId: string) => selectChecksums.get(fileId)),
    listBlobs: read(({ after, limit }: { after: string; limit: number }) =>
      selectBlobs.all(after, limit).map(toStoredBlob),
    ),
    fileOwner: read((fileId: string) => selectOwner.get({ fileId })),
  };
}

function optional<R, T>(row: R | undefined, convert: (row: R) => T): T | undefined {
  return row && convert(row);
}
