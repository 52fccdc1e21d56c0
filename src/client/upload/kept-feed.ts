import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';
import { unlessAborted } from '../unless-aborted.js';
import type { ByteReader } from './byte-reader.js';
import { createPieceReader, endOf, type Piece } from './piece-reader.js';
import { pieceLimits, type SourceFeed } from './source-feed.js';

/**
 * A stream that can be read once: pieces are kept until they are durable, and are sent again from there. While
 * `windowBytes` are kept, nothing more is read.
 */
export function createKeptFeed(
  reader: ByteReader,
  { size, name }: { readonly size?: number; readonly name?: string },
  windowBytes: number,
): SourceFeed {
  const pieces = createPieceReader(reader, 0, pieceLimits);
  const kept: Piece[] = [];
  let current: Piece | undefined;
  let next = 0;
  let held = 0;
  let taken = 0;
  let released = 0;
  let room = createSignalling();

  const isFull = () => held >= windowBytes;

  async function peekNew(signal: AbortSignal): Promise<Piece | undefined> {
    while (isFull()) {
      await unlessAborted(signal, room.given);
      if (signal.aborted) return undefined;
    }
    return pieces.peek(signal);
  }

  function forget(): void {
    const count = kept.findIndex((piece) => endOf(piece) > released);
    const gone = kept.splice(0, count < 0 ? kept.length : count);
    held -= gone.reduce((sum, { bytes }) => sum + bytes.length, 0);
    next = Math.max(0, next - gone.length);
  }

  return {
    size,
    name,
    get needsRelease() {
      return held * 2 >= windowBytes;
    },
    async seek(offset) {
      const first = kept[0]?.offset ?? taken;
      if (offset < first) throw sourceGone(offset, first);
      const index = kept.findIndex((piece) => endOf(piece) > offset);
      next = index < 0 ? kept.length : index;
      current = undefined;
      return Promise.resolve();
    },
    async peek(signal) {
      current = kept[next] ?? (await peekNew(signal));
      return current;
    },
    take() {
      if (current === undefined) return;
      if (current !== kept[next]) {
        pieces.take();
        kept.push(current);
        held += current.bytes.length;
        taken = endOf(current);
      }
      next++;
      current = undefined;
      forget();
    },
    release(offset) {
      released = Math.max(released, offset);
      forget();
      room.give();
      room = createSignalling();
    },
    confirm: () => Promise.resolve(),
    get failure() {
      return pieces.failure;
    },
    close: () => pieces.close(),
  };
}

function createSignalling() {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give: () => give() };
}

function sourceGone(offset: number, first: number): LeatError {
  return new LeatError(
    `the service wants the bytes from ${offset} on again, and the stream is read up to ${first}; upload a file, or a function that opens the stream at a byte`,
    { code: Status.FAILED_PRECONDITION, reason: clientReasons.sourceGone },
  );
}
