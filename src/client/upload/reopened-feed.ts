import type { ByteReader } from './byte-reader.js';
import { createPieceReader, type PieceReader } from './piece-reader.js';
import { pieceLimits, type SourceFeed } from './source-feed.js';

/** A source that can be read again from any byte on. */
export interface ReopenableSource {
  readonly size?: number;
  readonly name?: string;
  open(offset: number): Promise<ByteReader>;
  confirm?(): Promise<void>;
  close?(): Promise<void>;
}

/** Keeps nothing in memory: what has to be sent again is read again. */
export function createReopenedFeed(source: ReopenableSource): SourceFeed {
  let pieces: PieceReader | undefined;
  return {
    size: source.size,
    name: source.name,
    needsRelease: false,
    async seek(offset) {
      await pieces?.close();
      pieces = undefined;
      pieces = createPieceReader(await source.open(offset), offset, pieceLimits);
    },
    peek: async (signal) => pieces?.peek(signal),
    take: () => pieces?.take(),
    release: () => undefined,
    confirm: async () => source.confirm?.(),
    get failure() {
      return pieces?.failure;
    },
    async close() {
      try {
        await pieces?.close();
      } finally {
        await source.close?.();
      }
    },
  };
}
