import { Blob } from '../../../gen/leat/v1/blob.js';
import { Event } from '../../../gen/leat/v1/event.js';
import { type EventRun, encodeEventRun } from '../../store/encoding/event-run.js';
import type { StoredBlob, StoredUpload } from '../../store/files.js';
import { timestampFromMs } from '../timestamps.js';

/** The blob as clients see it. */
export function decodeBlob({ record, revision }: Pick<StoredBlob, 'record' | 'revision'>): Blob {
  return { ...Blob.decode(record), etag: `${revision}` };
}

/** The blob as it is stored: without the etag, which is the row's revision. */
export function encodeBlob(blob: Blob): Uint8Array {
  return Blob.encode({ ...blob, etag: '' }).finish();
}

/** The blob that an upload becomes, without the etag. */
export function blobOf(
  { uploadId, author }: StoredUpload,
  { name, contentType }: Pick<Blob, 'name' | 'contentType'>,
  { size, sha256, nowMs }: { size: number; sha256: Uint8Array; nowMs: number },
): Blob {
  const createTime = timestampFromMs(nowMs);
  return { blobId: uploadId, name, contentType, size: BigInt(size), sha256, createTime, author, etag: '' };
}

/** The event that tells that a blob was finished: its proto-JSON, without the etag. */
export function blobCreated(blob: Blob): EventRun {
  return blobEvent('blob.created', blob.blobId, Blob.toJSON({ ...blob, etag: '' }) as object);
}

/** The event that tells that a blob was removed: nothing but the id, so that personal data ends. */
export function blobDeleted(blobId: string): EventRun {
  return blobEvent('blob.deleted', blobId, { blobId });
}

function blobEvent(type: string, blobId: string, json: object): EventRun {
  const event = Event.fromPartial({
    type,
    subject: blobId,
    contentType: 'application/json',
    payload: { $case: 'text', value: JSON.stringify(json) },
  });
  return encodeEventRun([Event.encode(event).finish()]);
}
