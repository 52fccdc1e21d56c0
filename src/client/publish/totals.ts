/** What has become of the events of one `publish`. */
export interface PublishTotals {
  /** Events of the source that are durable: the first so many. */
  readonly events: bigint;
  /** Of these, appended. */
  readonly accepted: bigint;
  /** Of these, already there: sent by an earlier run, or by a call whose answer was lost. */
  readonly duplicates: bigint;
  /** Encoded size of what was sent and is durable. */
  readonly bytes: number;
  /** Lowest and highest offset appended, as far as the answers told; 0 if there is none. */
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
}
