/**
 * The port for the bytes of uploads and blobs: files that are written once, from front to back, and read anywhere. What
 * they belong to and how much of them counts stands in the `Store`.
 *
 * Besides what each method names, all of them may throw `exhausted` DISK_FULL and `unavailable` STORE_READ_ONLY,
 * STORE_UNREADABLE, STORE_CLOSED.
 */
export interface ByteStore {
  /**
   * Opens a file for writing at `size`: makes it if it is not there, cuts off what is beyond. One writer at a time.
   * Errors: `data-loss` STORE_DAMAGED if there are fewer bytes.
   */
  openWriter(fileId: string, size: number): Promise<ByteWriter>;
  /** Errors: `data-loss` STORE_DAMAGED if there is no such file. */
  openReader(fileId: string): Promise<ByteReader>;
  /** Cuts off what is beyond `size`; a file that is not there, or shorter, stays as it is. */
  truncate(fileId: string, size: number): Promise<void>;
  /** A file that is not there is no error. */
  remove(fileId: string): Promise<void>;
  /** All files, in no order. */
  list(): AsyncIterable<string>;
  /** Bytes that can still be stored, about. */
  freeBytes(): Promise<number>;
  /** Ends the store; writers and readers should be closed before. Repeating it is harmless. */
  close(): Promise<void>;
}

export interface ByteWriter {
  /**
   * Writes at the end of what was written before. Resolves when the operating system has it. Takes the pieces over:
   * the memory of those that have it to themselves moves away, and they are empty afterwards.
   */
  write(pieces: readonly Uint8Array[]): Promise<void>;
  /** Whether these bytes stand at `offset`; all that was given to `write` before counts. */
  isSame(offset: number, bytes: Uint8Array): Promise<boolean>;
  /**
   * Resolves when all that was given to `write` before survives a crash of the machine. Once it has failed it always
   * does: only what was synced before is known to be there.
   */
  sync(): Promise<void>;
  /** Of the whole file, as it is when all that was given to `write` before is written. */
  digest(): Promise<ByteDigest>;
  /** Repeating it is harmless. */
  close(): Promise<void>;
}

export interface ByteDigest {
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  /** CRC-32C of each `CHECKSUM_BYTES` of the file, in order; 4 bytes each, little-endian. */
  readonly checksums: Uint8Array;
}

/** A checksum is kept for each so many bytes of a file. */
export const CHECKSUM_BYTES = 64 * 1024;

export interface ByteReader {
  /** Fills `target` from `offset` on. Errors: `data-loss` STORE_DAMAGED if the file ends before. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Waits for reads that are under way. Repeating it is harmless. */
  close(): Promise<void>;
}
