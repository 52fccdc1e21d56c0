/** Limits of the contract; characters are code points. The payload's limit is configured. */
export const MAX_EVENT_ID = 128;
export const MAX_TYPE = 128;
export const MAX_SUBJECT = 256;
export const MAX_CONTENT_TYPE = 128;
export const MAX_SOURCE = 256;
/** Encoded bytes beside the payload. What the contract allows takes less; fields that are not known count too. */
export const MAX_OVERHEAD_BYTES = 64 * 1024;
/** Of one batch. */
export const MAX_BATCH_EVENTS = 10_000;
export const MAX_BATCH_BYTES = 1024 * 1024;

export interface EventLimits {
  /** Bytes of data or text. */
  readonly maxPayloadBytes: number;
}
