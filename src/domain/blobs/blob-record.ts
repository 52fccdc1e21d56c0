import { Blob } from '../../../gen/leat/v1/blob.js';
import { Event } from '../../../gen/leat/v1/event.js';
import { type EventRun, encodeEventRun } from '../../store/encoding/event-run.js';
import type { StoredBlob } from '../../store/files.js';

/** The blob as clients see it. */
export function decodeBlob({ record, revision }: Pick<StoredBlob, 'record' | 'revision'>): Blob {
  return { ...Blob.decode(record), etag: `${revision}` };
}

/** The blob as it is stored: without the etag, which is the row's revision. */
export function encodeBlob(blob: Blob): Uint8Array {
  return Blob.encode({ ...blob, etag: '' }).finish();
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
