import type { UploadServiceClient } from '../../../gen/leat/v1/upload_service.js';
import type { LeatCallOptions } from '../call-options.js';

/** UploadService as this client calls it. */
export type UploadClient = UploadServiceClient<LeatCallOptions>;
