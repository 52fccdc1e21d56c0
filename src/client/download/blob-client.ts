import type { BlobServiceClient } from '../../../gen/leat/v1/blob_service.js';
import type { StreamOptions } from '../call-options.js';

/** BlobService as this client calls it. */
export type BlobClient = BlobServiceClient<StreamOptions>;
