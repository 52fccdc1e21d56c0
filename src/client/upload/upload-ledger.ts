import type { SourceFeed } from './source-feed.js';
import type { UploadOptions, UploadProgress } from './upload-options.js';

/** Keeps how far an upload is, and tells what changes. */
export interface UploadLedger {
  readonly progress: UploadProgress;
  /** Whether somebody is told. */
  readonly isWatched: boolean;
  /** What was durable when it began. */
  readonly resumedAt: number;
  /** What the service said last is durable; -1 until it has said anything. */
  readonly heard: number;
  /** Where the source ended; undefined until it did. */
  readonly end: number | undefined;
  /** It begins, or goes on, where so many bytes are durable. */
  begin(bytes: number): void;
  /** The service says that so many bytes are durable. */
  durable(bytes: number): void;
  sent(bytes: number): void;
  read(bytes: number): void;
  /** The source has ended, after so many bytes. */
  ended(bytes: number): void;
}

export function createUploadLedger(
  uploadId: string,
  { size }: SourceFeed,
  { onProgress }: Pick<UploadOptions, 'onProgress'>,
): UploadLedger {
  let progress: UploadProgress = { uploadId, durable: 0, read: 0, sent: 0, size };
  let resumedAt: number | undefined;
  let heard = -1;
  let end: number | undefined;

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
      return resumedAt ?? 0;
    },
    get heard() {
      return heard;
    },
    get end() {
      return end;
    },
    begin: (bytes) => void (resumedAt ??= bytes),
    durable(bytes) {
      heard = Math.max(heard, bytes);
      if (bytes > progress.durable) change({ durable: bytes });
    },
    sent: (bytes) => change({ sent: progress.sent + bytes }),
    read: (bytes) => bytes > progress.read && change({ read: bytes }),
    ended: (bytes) => void (end = bytes),
  };
}
