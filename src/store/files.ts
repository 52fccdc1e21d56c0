/**
 * The part of the store's ports that is about uploads and blobs: who they are and how far they have come. Their bytes
 * are in a `ByteStore`, in a file of their own each; here stands only which one.
 *
 * One id names an upload and the blob that it becomes: at any time there is at most one of the two. An upload belongs
 * to whoever raised its `epoch` last: changes under another one are refused (`conflict` UPLOAD_FENCED {epoch: the
 * current one, 0 if there is no such upload}).
 */
import type { EventRun } from './encoding/event-run.js';

export interface StoredUpload {
  readonly uploadId: string;
  readonly author: string;
  /** Its file in the byte store, for ever: an id that is used again gets another one. */
  readonly fileId: string;
  readonly epoch: number;
  /** Bytes that are durable. */
  readonly committedSize: number;
  readonly createTimeMs: number;
  /** When it may be removed if nothing more comes. */
  readonly expireTimeMs: number;
  /** The encoded leat.v1.UploadStart. */
  readonly record: Uint8Array;
}

export interface StoredBlob {
  readonly blobId: string;
  /** Its file in the byte store. */
  readonly fileId: string;
  readonly size: number;
  /** The encoded leat.v1.Blob, without etag. */
  readonly record: Uint8Array;
  /** Offset of its `blob.created`; its etag. */
  readonly revision: number;
}

/** The look-ups of uploads and blobs; part of `Store`. */
export interface FileLookups {
  upload(uploadId: string): Promise<StoredUpload | undefined>;
  /** Uploads of one author whose id comes after `after`, in the order of their ids (by bytes). */
  listUploads(query: { author: string; after: string; limit: number }): Promise<readonly StoredUpload[]>;
  /** Uploads whose time has come, those first that are overdue the longest. */
  expiredUploads(query: { nowMs: number; limit: number }): Promise<readonly StoredUpload[]>;
  /** Uploads that expire after a time, those first that expire last. */
  activeUploads(query: { expireAfterMs: number; limit: number }): Promise<readonly StoredUpload[]>;
  blob(blobId: string): Promise<StoredBlob | undefined>;
  /** As in ByteDigest, of the blob that has this file; undefined if there is none. */
  blobChecksums(fileId: string): Promise<Uint8Array | undefined>;
  /** Blobs whose id comes after `after`, in the order of their ids (by bytes). */
  listBlobs(query: { after: string; limit: number }): Promise<readonly StoredBlob[]>;
  /** What a file of the byte store belongs to; undefined: nothing. */
  fileOwner(fileId: string): Promise<FileOwner | undefined>;
}

export interface FileOwner {
  readonly kind: 'upload' | 'blob';
  /** Bytes of the file that count. */
  readonly size: number;
}

export type FileChange = StartUpload | AdvanceUpload | CompleteUpload | RemoveUpload | RemoveBlob;

/**
 * Creates an upload (`expectedEpoch` 0) or takes it over; either raises its epoch. `fileId`, `author`, `record` and
 * `maxOpen` matter only when it is created.
 * Errors: `conflict` UPLOAD_FENCED {epoch} if it is not at the expected epoch, `exists` BLOB_EXISTS if a blob has the
 * id, `exhausted` TOO_MANY_UPLOADS {limit} if the author has `maxOpen` uploads already.
 */
export interface StartUpload {
  readonly kind: 'start-upload';
  readonly uploadId: string;
  readonly expectedEpoch: number;
  readonly author: string;
  readonly fileId: string;
  readonly record: Uint8Array;
  readonly expireTimeMs: number;
  readonly maxOpen: number;
}

/** Says that more bytes are durable. Errors: `conflict` UPLOAD_FENCED {epoch}. */
export interface AdvanceUpload {
  readonly kind: 'advance-upload';
  readonly uploadId: string;
  readonly epoch: number;
  readonly committedSize: number;
  readonly expireTimeMs: number;
}

/** Makes the upload a blob, and tells of it. Errors: `conflict` UPLOAD_FENCED {epoch}. */
export interface CompleteUpload {
  readonly kind: 'complete-upload';
  readonly uploadId: string;
  readonly epoch: number;
  readonly size: number;
  /** The encoded leat.v1.Blob, without etag. */
  readonly record: Uint8Array;
  /** As `blobChecksums`. */
  readonly checksums: Uint8Array;
  readonly topic: string;
  readonly author: string;
  readonly event: EventRun;
}

/** Forgets the upload; its file is the caller's to remove. Errors: `conflict` UPLOAD_FENCED {epoch}. */
export interface RemoveUpload {
  readonly kind: 'remove-upload';
  readonly uploadId: string;
  readonly epoch: number;
}

/**
 * Forgets the blob, and tells of it; its file is the caller's to remove.
 * Errors: `conflict` REVISION_MISMATCH {revision: the current one, 0 if there is none}.
 */
export interface RemoveBlob {
  readonly kind: 'remove-blob';
  readonly blobId: string;
  readonly expectedRevision: number;
  readonly topic: string;
  readonly author: string;
  readonly event: EventRun;
}

export interface FileResultByKind {
  'start-upload': StoredUpload;
  'advance-upload': StoredUpload;
  'complete-upload': { readonly revision: number };
  'remove-upload': Record<string, never>;
  'remove-blob': { readonly revision: number };
}
