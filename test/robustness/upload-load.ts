import { createCipheriv, createHash } from 'node:crypto';
import { LeatError, type LeatClient } from '../../src/client/index.js';
import { chunkFrames, finishFrame, startFrame } from '../support/uploads.js';

const MAX_BYTES = 2 * 1024 * 1024;

/** A file whose content follows from its id alone. */
export function contentOf(id: string): Buffer {
  const key = createHash('sha256').update(id).digest();
  const size = key.readUInt32LE() % MAX_BYTES;
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function sha256Of(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

/** What one uploader was told, over all rounds. */
export interface UploaderLedger {
  /** Files that are blobs. */
  readonly finished: Set<string>;
  /** The one that is under way, and how much of it was said to be durable. */
  current: string;
  durable: number;
  /** Its finish was sent: it may be a blob although nobody said so. */
  mayBeFinished: boolean;
}

/** Uploads one file after the other, in pieces, each on a stream of its own: half-closed, or finished with the last. */
export function createUploader(name: string) {
  let serial = 1;
  const ledger: UploaderLedger = { finished: new Set(), current: `${name}-1`, durable: 0, mayBeFinished: false };

  /** Where it stands, which is never behind what was said. */
  async function position({ uploads }: LeatClient): Promise<number> {
    const { upload, blob } = await uploads.getUpload({ uploadId: ledger.current }).catch(absent);
    const committed = Number(upload?.committedSize ?? 0);
    if (committed < ledger.durable) throw new Error(`${ledger.current}: ${ledger.durable} bytes became ${committed}`);
    if (blob && !ledger.mayBeFinished) throw new Error(`${ledger.current} is a blob, and nobody has finished it`);
    return committed;
  }

  return {
    topic: 'sys/blobs',
    ledger,
    /** Resolves when the service has said what became of the next piece. */
    async step(client: LeatClient): Promise<void> {
      const { current } = ledger;
      const content = contentOf(current);
      const from = await position(client);
      const to = Math.min(content.length, from + Math.ceil(Math.random() * 600_000));
      const isLast = to === content.length;
      const frames = [startFrame(current), ...chunkFrames(content.subarray(0, to), { from, size: 50_000 })];
      ledger.mayBeFinished ||= isLast;
      const answer = await client.uploads.uploadChunks(
        (async function* () {
          yield* frames;
          if (isLast) yield finishFrame(content);
        })(),
      );
      if (Number(answer.bytesReceived) !== to) throw new Error(`${current}: ${answer.bytesReceived} of ${to} bytes`);
      if (!isLast) {
        ledger.durable = to;
        return;
      }
      ledger.finished.add(current);
      Object.assign(ledger, { current: `${name}-${++serial}`, durable: 0, mayBeFinished: false });
    },
  };
}

function absent(error: unknown): { upload: undefined; blob: undefined } {
  if (error instanceof LeatError && error.reason === 'UPLOAD_NOT_FOUND') return { upload: undefined, blob: undefined };
  throw error;
}
