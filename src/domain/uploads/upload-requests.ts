import type {
  CancelUploadRequest,
  GetUploadRequest,
  ListUploadsRequest,
  UploadChunk,
  UploadChunksRequest,
  UploadFinish,
  UploadStart,
} from '../../../gen/leat/v1/upload_service.js';
import { invalid } from '../errors.js';
import { createTokenCodec, type TokenCodec, type TokenPlace } from '../tokens.js';
import { checkOffset, checkPageSize, checkSize } from '../validation/numbers.js';
import { checkLength } from '../validation/text.js';
import { createViolations, type Violations } from '../validation/violations.js';
import { checkFileId, checkSha256 } from './upload-rules.js';

// Each function turns a request into what was asked for, in the domain's units, or throws all that is wrong with it.

const MAX_NAME_LENGTH = 255;
const MAX_CONTENT_TYPE_LENGTH = 128;
const MAX_CHUNK_BYTES = 1024 * 1024;
const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

export interface Start {
  readonly uploadId: string;
  readonly name: string;
  readonly contentType: string;
  /** undefined: unknown. */
  readonly size: number | undefined;
  /** Empty: unknown. */
  readonly sha256: Uint8Array;
}

export interface Chunk {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly crc32c: number | undefined;
}

export interface Finish {
  readonly size: number;
  /** Empty: not to be checked. */
  readonly sha256: Uint8Array;
}

/** The first frame of a stream. */
export function readFirstFrame({ frame }: UploadChunksRequest): Start {
  if (frame?.$case === 'start') return readStart(createViolations(), frame.value);
  throw invalid([{ field: 'start', description: 'is required: the first frame says which upload it is' }]);
}

export type LaterFrame =
  { readonly $case: 'chunk'; readonly value: Chunk } | { readonly $case: 'finish'; readonly value: Finish };

export function readLaterFrame({ frame }: UploadChunksRequest): LaterFrame {
  const violations = createViolations();
  if (frame?.$case === 'chunk') return { $case: 'chunk', value: readChunk(violations, frame.value) };
  if (frame?.$case === 'finish') return { $case: 'finish', value: readFinish(violations, frame.value) };
  if (frame) throw invalid([{ field: 'start', description: 'must be the first frame, and no other' }]);
  throw invalid([{ field: 'frame', description: 'one of chunk and finish is required' }]);
}

function readStart(violations: Violations, start: UploadStart): Start {
  const { uploadId, name, contentType, sha256 } = start;
  checkFileId(violations, 'start.upload_id', uploadId);
  checkLength(violations, 'start.name', name, 0, MAX_NAME_LENGTH);
  checkLength(violations, 'start.content_type', contentType, 0, MAX_CONTENT_TYPE_LENGTH);
  const size = start.size === undefined ? undefined : checkSize(violations, 'start.size', start.size, 0n);
  checkSha256(violations, 'start.sha256', sha256);
  violations.throwIfAny();
  return { uploadId, name, contentType: contentType || DEFAULT_CONTENT_TYPE, size, sha256 };
}

function readChunk(violations: Violations, { offset, data, crc32c }: UploadChunk): Chunk {
  const at = checkOffset(violations, 'chunk.offset', offset);
  if (data.length === 0) violations.add('chunk.data', 'is required');
  if (data.length > MAX_CHUNK_BYTES) violations.add('chunk.data', `must have at most ${MAX_CHUNK_BYTES} bytes`);
  violations.throwIfAny();
  return { offset: at, data, crc32c };
}

function readFinish(violations: Violations, { size, sha256 }: UploadFinish): Finish {
  if (size === undefined) violations.add('finish.size', 'is required');
  const wholeSize = checkSize(violations, 'finish.size', size ?? 0n, 0n);
  checkSha256(violations, 'finish.sha256', sha256);
  violations.throwIfAny();
  return { size: wholeSize, sha256 };
}

/** The upload that is asked about. */
export function readUploadId({ uploadId }: GetUploadRequest | CancelUploadRequest): string {
  const violations = createViolations();
  checkFileId(violations, 'upload_id', uploadId);
  violations.throwIfAny();
  return uploadId;
}

export interface FilesPage {
  readonly limit: number;
  /** Where the page before ended: `key` its last id. Undefined for the first page. */
  readonly place: TokenPlace | undefined;
  /** For the token of the next page. */
  readonly tokens: TokenCodec;
}

/** `epoch` is the store's. */
export function readListUploads(epoch: string, caller: string, { pageSize, pageToken }: ListUploadsRequest): FilesPage {
  const violations = createViolations();
  const limit = checkPageSize(violations, 'page_size', pageSize);
  const tokens = createTokenCodec({ epoch, kind: 'uploads', subject: caller });
  const place = pageToken === '' ? undefined : tokens.decode(violations, 'page_token', pageToken);
  violations.throwIfAny();
  return { limit, place, tokens };
}
