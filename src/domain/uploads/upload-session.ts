import { crc32c } from '@node-rs/crc32';
import { abortable } from 'abort-controller-x';
import type { Blob } from '../../../gen/leat/v1/blob.js';
import type { ByteDigest, ByteStore, ByteWriter } from '../../store/byte-store.js';
import type { StoredUpload } from '../../store/files.js';
import type { Store } from '../../store/store.js';
import { blobCreated, blobOf, encodeBlob } from '../blobs/blob-record.js';
import type { FileCleanup } from '../file-cleanup.js';
import { type LinkedSignal, linkSignal } from '../linked-signal.js';
import type { Log } from '../log.js';
import { BLOBS_TOPIC } from '../topics/system-topics.js';
import type { ByteBudget } from './byte-budget.js';
import type { DiskRoom } from './disk-room.js';
import {
  chunkDamaged,
  digestMismatch,
  diskTooFull,
  ofUpload,
  sizeMismatch,
  uploadDiffers,
  uploadTooLarge,
  wrongOffset,
} from './upload-errors.js';
import type { UploadLimits } from './upload-limits.js';
import { decodeStart } from './upload-record.js';
import type { Chunk, Finish } from './upload-requests.js';
import { createWriteBehind } from './write-behind.js';

/** What one stream does with one upload, from its start to its end. One caller, who waits for one thing at a time. */
export interface UploadSession {
  /** Aborts when the call does, and when something else ends the session; its reason is what the caller is told. */
  readonly signal: AbortSignal;
  /** Takes a chunk in. Bytes that are there already are compared. */
  add(chunk: Chunk): Promise<void>;
  /** Makes the blob. */
  finish(finish: Finish): Promise<Blob>;
  /**
   * Ends the session: what was received is durable then. Once the upload is a blob or thrown away it does not reject,
   * since nothing that fails then changes what became of it. Repeating it is harmless.
   */
  close(): Promise<void>;
  /** Ends the session from outside: whoever has it is told the reason, and closes it. */
  abort(reason: Error): void;
  /** Resolves when it is closed and nothing of it is left. */
  readonly closed: Promise<void>;
}

/** The room on the disk is looked at again after so long, or when this part of it is taken: others take some too. */
const CHECK_ROOM_MS = 1000;
const CHECK_ROOM_PART = 1 / 16;

export interface SessionDeps {
  readonly store: Store;
  readonly bytes: ByteStore;
  readonly cleanup: FileCleanup;
  readonly log: Log;
  readonly budget: ByteBudget;
  readonly room: DiskRoom;
  readonly limits: UploadLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createUploadSession(
  { store, cleanup, log, budget, room, limits, now }: SessionDeps,
  upload: StoredUpload,
  writer: ByteWriter,
  callSignal: AbortSignal,
): UploadSession {
  const { uploadId, epoch } = upload;
  const link: LinkedSignal = linkSignal(callSignal);
  const { signal } = link;
  let closing: Promise<void> | undefined;
  /** The upload is a blob or thrown away: there is nothing to settle. */
  let isOver = false;
  let nextCheck = { at: 0, size: 0 };
  const announced = decodeStart(upload).size;
  let onClosed: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const behind = createWriteBehind({
    writer,
    budget,
    size: upload.committedSize,
    advance,
    onWritten: (written) => room.written(uploadId, Math.max((announced ?? 0) - written, 0)),
    onFailure: (error) => link.abort(error),
  });

  async function advance(committedSize: number): Promise<void> {
    const expireTimeMs = now() + limits.maxIdleMs;
    const change = { kind: 'advance-upload', uploadId, epoch, committedSize, expireTimeMs } as const;
    await ofUpload(uploadId, store.write([change]));
    // What is durable stays so, whatever the look at the disk says.
    if (!closing) await checkRoom(committedSize).catch((error: unknown) => link.abort(error as Error));
  }

  /** Looks once a second, or sooner if there is little room. */
  async function checkRoom(committedSize: number): Promise<void> {
    if (performance.now() < nextCheck.at && committedSize < nextCheck.size) return;
    const available = await room.available(uploadId);
    if (available < 0) link.abort(diskTooFull(uploadId, { available }));
    nextCheck = { at: performance.now() + CHECK_ROOM_MS, size: committedSize + available * CHECK_ROOM_PART };
  }

  async function add({ offset, data, crc32c: expected }: Chunk): Promise<void> {
    if (expected !== undefined && crc32c(data) !== expected) {
      throw await whenDurable((durable) => chunkDamaged(uploadId, offset, durable));
    }
    if (offset > behind.received) throw await whenDurable((durable) => wrongOffset(uploadId, offset, durable));
    if (offset + data.length > limits.maxBytes) throw uploadTooLarge(uploadId, limits.maxBytes);
    const known = Math.min(behind.received - offset, data.length);
    if (known > 0) await compare(offset, data.subarray(0, known));
    if (known < data.length) await behind.add(data.subarray(known), signal);
  }

  async function compare(offset: number, data: Uint8Array): Promise<void> {
    behind.flush();
    if (await abortable(signal, writer.isSame(offset, data))) return;
    throw uploadDiffers(uploadId, `has other bytes between ${offset} and ${offset + data.length}`);
  }

  /** An error that tells where to go on: what was received before it counts. */
  async function whenDurable(makeError: (durable: number) => Error): Promise<Error> {
    await close();
    return makeError(behind.durable);
  }

  async function finish(asked: Finish): Promise<Blob> {
    const start = decodeStart(upload);
    const size = behind.received;
    for (const expected of [asked.size, start.size ?? size]) {
      if (expected !== size) throw await thrownAway(sizeMismatch(uploadId, size, expected));
    }
    await behind.allWritten(signal);
    const [digest] = await abortable(signal, Promise.all([writer.digest(), writer.sync()]));
    for (const expected of [asked.sha256, start.sha256]) {
      if (expected.length > 0 && Buffer.compare(expected, digest.sha256) !== 0) {
        throw await thrownAway(digestMismatch(uploadId, digest.sha256));
      }
    }
    return complete(size, digest);
  }

  async function complete(size: number, { sha256, checksums }: ByteDigest): Promise<Blob> {
    const blob = blobOf(upload, decodeStart(upload), { size, sha256, nowMs: now() });
    const event = { topic: BLOBS_TOPIC, author: upload.author, event: blobCreated(blob) };
    const made = { uploadId, epoch, size, record: encodeBlob(blob), checksums, ...event };
    const [{ revision }] = await ofUpload(uploadId, store.write([{ kind: 'complete-upload', ...made }]));
    isOver = true;
    room.release(uploadId);
    return { ...blob, etag: `${revision}` };
  }

  /** Gives up all that there is, since it cannot be what was meant. */
  async function thrownAway(error: Error): Promise<Error> {
    await ofUpload(uploadId, store.write([{ kind: 'remove-upload', uploadId, epoch }]));
    isOver = true;
    room.release(uploadId);
    await close();
    await cleanup.remove(upload.fileId);
    return error;
  }

  async function closeAll(): Promise<void> {
    try {
      if (!isOver) await behind.settle();
    } finally {
      behind.stop();
      link.end();
      await closeWriter().finally(onClosed);
    }
  }

  async function closeWriter(): Promise<void> {
    try {
      await writer.close();
    } catch (error) {
      if (!isOver) throw error;
      log.warn({ uploadId, err: error }, 'cannot close the file of an upload that has ended');
    }
  }

  const close = () => (closing ??= closeAll());

  return {
    signal,
    add,
    finish,
    close,
    abort: (reason) => link.abort(reason),
    closed,
  };
}
