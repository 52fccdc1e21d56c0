/**
 * Encoded events on their way to the log: `tag, length, bytes` of each, one after the other, as field 1 of a protobuf
 * message (the shape they have in PublishEventsRequest.events), so that a batch is passed on without being taken apart.
 */
export interface EventRun {
  /** The run. It is copied before `write` returns. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** `(1 << 3) | LEN`: the tag of field 1 wherever runs and pages are made of it. */
export const RUN_TAG = 0x0a;
