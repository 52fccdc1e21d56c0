import { Writable } from 'node:stream';
import { createLeatClient } from '../../src/client/index.js';
import { sample } from '../load/file-frames.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import type { StreamsOptions } from './bare-streams.js';

const { port } = roleOptions<StreamsOptions>();
const client = createLeatClient({ address: `127.0.0.1:${port}` });
const PIECE_BYTES = 256 * 1024;
const BLOB = 'bench-file';

function discard(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

async function* pieces(isOver: (sent: number) => boolean): AsyncGenerator<Uint8Array> {
  // The client wants memory of its own.
  for (let sent = 0; !isOver(sent); sent += PIECE_BYTES) yield new Uint8Array(sample.subarray(0, PIECE_BYTES));
}

const commands = {
  /** Uploads what `down` reads. */
  fill: async (bytes: number): Promise<void> =>
    void (await client.upload(
      pieces((sent) => sent >= bytes),
      { uploadId: BLOB },
    )),

  /** Downloads again and again for some seconds, every chunk and the whole checked; answers bytes a second. */
  async down(seconds: number): Promise<number> {
    const startedAt = performance.now();
    const elapsed = () => performance.now() - startedAt;
    const signal = AbortSignal.timeout(Math.ceil(seconds * 1000));
    let [before, received] = [0, 0];
    const onProgress = ({ received: now }: { readonly received: number }) => void (received = now);
    while (elapsed() < seconds * 1000) {
      await client.download(BLOB, discard(), { signal, onProgress }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      [before, received] = [before + received, 0];
    }
    return (before * 1000) / elapsed();
  },

  /** Uploads for some seconds; counts until it is durable. */
  async up(seconds: number): Promise<number> {
    const startedAt = performance.now();
    const { durable, blob } = await client.upload(pieces(() => performance.now() - startedAt >= seconds * 1000));
    const rate = (durable * 1000) / (performance.now() - startedAt);
    await client.blobs.deleteBlob({ blobId: blob.blobId });
    return rate;
  },
};

export type LeatFilesRole = typeof commands;

playRole(commands);
