/** What uploads may take. Bytes, milliseconds. */
export interface UploadLimits {
  /** Of one file. */
  readonly maxBytes: number;
  /** Uploads of one caller that are not finished. */
  readonly maxOpen: number;
  /** One to which nothing comes for so long is thrown away. */
  readonly maxIdleMs: number;
}
