import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { CHECKSUM_BYTES, type ByteDigest } from '../byte-store.js';

/** SHA-256 and page checksums of bytes that come in order. */
export class RunningDigest {
  /** Bytes that are in it. */
  size = 0;
  private readonly hash = createHash('sha256');
  private readonly pages: number[] = [];
  private page = 0;

  update(bytes: Uint8Array): void {
    this.hash.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const inPage = this.size % CHECKSUM_BYTES;
      const part = bytes.subarray(at, at + CHECKSUM_BYTES - inPage);
      this.page = crc32c(part, this.page);
      at += part.length;
      this.size += part.length;
      if (this.size % CHECKSUM_BYTES === 0) this.endPage();
    }
  }

  /** Ends it: nothing can be added afterwards. */
  finish(): ByteDigest {
    if (this.size % CHECKSUM_BYTES > 0) this.endPage();
    const checksums = Buffer.alloc(this.pages.length * 4);
    this.pages.forEach((checksum, index) => checksums.writeUInt32LE(checksum, index * 4));
    return { sha256: new Uint8Array(this.hash.digest()), checksums };
  }

  private endPage(): void {
    this.pages.push(this.page);
    this.page = 0;
  }
}
