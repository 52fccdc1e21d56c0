import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { crc32c } from '@node-rs/crc32';
import { UploadChunksRequest } from '../../gen/leat/v1/upload_service.js';
import { frame } from './events.js';

const MIB = 2 ** 20;

/** Bytes that do not repeat within a MiB. */
function sampleBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 0xff;
  return bytes;
}

export const sample = sampleBytes(MIB);

export function startFrame(uploadId: string): Buffer {
  return requestFrame({ $case: 'start', value: { uploadId, name: '', contentType: '', sha256: Buffer.alloc(0) } });
}

export function finishFrame(size: number): Buffer {
  return requestFrame({ $case: 'finish', value: { size: BigInt(size), sha256: Buffer.alloc(0) } });
}

function requestFrame(value: NonNullable<UploadChunksRequest['frame']>): Buffer {
  return frame(UploadChunksRequest.encode({ frame: value }).finish());
}

/**
 * Frames of chunks with the same bytes and checksum at any place: only what stands around the bytes is made anew, so
 * that sending costs next to nothing.
 */
export function createChunkFrames(chunkBytes: number, checksummed: boolean): (offset: number) => Buffer[] {
  const data = sample.subarray(0, chunkBytes);
  const checksum = checksummed ? new BinaryWriter().tag(3, 5).fixed32(crc32c(data)).finish() : new Uint8Array();
  return (offset) => {
    const before = new BinaryWriter().tag(1, 0).int64(BigInt(offset)).tag(2, 2).uint32(chunkBytes).finish();
    const length = before.length + chunkBytes + checksum.length;
    const outer = new BinaryWriter().tag(2, 2).uint32(length).finish();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(outer.length + length, 1);
    return [Buffer.concat([head, outer, before]), data, Buffer.from(checksum)];
  };
}
