import { constants, createReadStream, fstat, open } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { ReadStream, isatty } from 'node:tty';
import { promisify } from 'node:util';

const CHUNK_BYTES = 256 << 10;

/**
 * Opens a file, a named pipe or a terminal for reading, so that destroying it always ends it. What waits for a writer
 * is read through the event loop: a thread that is blocked in read(2), or in open(2), keeps Node from exiting.
 */
export async function openInput(file: string): Promise<Readable> {
  const fd = await promisify(open)(file, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await promisify(fstat)(fd)).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  if (isatty(fd)) return new ReadStream(fd);
  return createReadStream(file, { fd, highWaterMark: CHUNK_BYTES });
}
