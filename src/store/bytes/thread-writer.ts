import type { ByteDigest, ByteWriter } from '../byte-store.js';
import type { ByteThread } from './byte-thread.js';

/** A writer whose file is open in the thread, under a number. */
export function createThreadWriter(thread: ByteThread, file: number): ByteWriter {
  let closing: Promise<void> | undefined;
  return {
    write(pieces) {
      const own = ownPieces(pieces);
      return thread.ask<void>(file, { kind: 'write', pieces: own }, own.map(memoryOf));
    },
    isSame(offset, bytes) {
      const own = new Uint8Array(bytes);
      return thread.ask<boolean>(file, { kind: 'is-same', offset, bytes: own }, [memoryOf(own)]);
    },
    sync: () => thread.ask<void>(file, { kind: 'sync' }),
    digest: () => thread.ask<ByteDigest>(file, { kind: 'digest' }),
    close: () => (closing ??= thread.ask<void>(file, { kind: 'close' })),
  };
}

/** Memory that holds little else than its piece moves to the thread as it is. */
const MAX_ELSE = 4096;

function isAlone({ buffer, byteLength }: Uint8Array): boolean {
  // Smaller ones are cut from memory that Node shares among many.
  return byteLength > MAX_ELSE && buffer.byteLength - byteLength <= MAX_ELSE;
}

/** The pieces, each in memory that can move away; neighbours that are not alone in theirs are copied into one. */
function ownPieces(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const own: Uint8Array[] = [];
  let shared: Uint8Array[] = [];
  const join = () => {
    if (shared.length > 0) own.push(joined(shared));
    shared = [];
  };
  for (const piece of pieces) {
    if (!isAlone(piece)) {
      shared.push(piece);
      continue;
    }
    join();
    own.push(piece);
  }
  join();
  return own;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function memoryOf(piece: Uint8Array): ArrayBuffer {
  return piece.buffer as ArrayBuffer;
}
