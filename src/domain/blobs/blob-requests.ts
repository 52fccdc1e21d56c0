import type {
  DeleteBlobRequest,
  DownloadBlobRequest,
  GetBlobRequest,
  ListBlobsRequest,
} from '../../../gen/leat/v1/blob_service.js';
import { createTokenCodec } from '../tokens.js';
import type { FilesPage } from '../uploads/upload-requests.js';
import { checkFileId } from '../uploads/upload-rules.js';
import { checkEtag } from '../validation/etags.js';
import { checkOffset, checkPageSize, checkSize } from '../validation/numbers.js';
import { createViolations } from '../validation/violations.js';

// Each function turns a request into what was asked for, in the domain's units, or throws all that is wrong with it.

export interface BlobRange {
  readonly blobId: string;
  readonly offset: number;
  /** undefined: up to the end. */
  readonly length: number | undefined;
}

export function readDownload({ blobId, offset, length }: DownloadBlobRequest): BlobRange {
  const violations = createViolations();
  checkFileId(violations, 'blob_id', blobId);
  const range = {
    blobId,
    offset: checkOffset(violations, 'offset', offset),
    length: length === undefined ? undefined : checkSize(violations, 'length', length, 1n),
  };
  violations.throwIfAny();
  return range;
}

export function readGetBlob({ blobId }: GetBlobRequest): string {
  const violations = createViolations();
  checkFileId(violations, 'blob_id', blobId);
  violations.throwIfAny();
  return blobId;
}

export interface BlobRemoval {
  readonly blobId: string;
  /** Only if this is the current etag; empty: whatever it is. */
  readonly etag: string;
  /** A blob that is not there is no error. */
  readonly allowMissing: boolean;
}

export function readDeleteBlob(request: DeleteBlobRequest): BlobRemoval {
  const violations = createViolations();
  const { blobId, allowMissing } = request;
  checkFileId(violations, 'blob_id', blobId);
  const etag = checkEtag(violations, 'etag', request.etag);
  violations.throwIfAny();
  return { blobId, etag, allowMissing };
}

/** `epoch` is the store's. `place.offset` is the read_offset. */
export function readListBlobs(epoch: string, { pageSize, pageToken }: ListBlobsRequest): FilesPage {
  const violations = createViolations();
  const limit = checkPageSize(violations, 'page_size', pageSize);
  const tokens = createTokenCodec({ epoch, kind: 'blobs' });
  const place = pageToken === '' ? undefined : tokens.decode(violations, 'page_token', pageToken);
  violations.throwIfAny();
  return { limit, place, tokens };
}
