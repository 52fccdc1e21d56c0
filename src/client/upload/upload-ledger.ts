import type { SourceFeed } from './source-feed.js';
import type { UploadOptions, UploadProgress } from './upload-options.js';

/** Keeps how far an upload is, and tells what changes. */
export interface UploadLedger {
  readonly progress: UploadProgress;
  /** Whether somebody is told. */
  readonly isWatched: boolean;
  /** What was durable when it began; undefined until the service has said. */
  readonly resumedAt: number | undefined;
  /** So many bytes are durable. True if that is more than was known. */
  durable(bytes: number): boolean;
  sent(bytes: number): void;
  read(bytes: number): void;
}

export function createUploadLedger(
  uploadId: string,
  { size }: SourceFeed,
  { onProgress }: Pick<UploadOptions, 'onProgress'>,
): UploadLedger {
  let progress: UploadProgress = { uploadId, durable: 0, read: 0, sent: 0, size };
  let resumedAt: number | undefined;

  function change(changed: Partial<UploadProgress>): void {
    progress = { ...progress, ...changed };
    onProgress?.(progress);
  }

  return {
    isWatched: onProgress !== undefined,
    get progress() {
      return progress;
    },
    get resumedAt() {
      return resumedAt;
    },
    durable(bytes) {
      resumedAt ??= bytes;
      if (bytes <= progress.durable) return false;
      change({ durable: bytes });
      return true;
    },
    sent: (bytes) => change({ sent: progress.sent + bytes }),
    read: (bytes) => bytes > progress.read && change({ read: bytes }),
  };
}
