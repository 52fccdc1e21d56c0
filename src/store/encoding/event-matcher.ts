/** A filter made ready to test encoded events. Built by the domain from a leat.v1.EventFilter; see `compileFilter`. */
export interface EventMatcher {
  /** Whether a segment in which only these types occur can hold a match. Skips it unread if not. */
  mayMatch(types: readonly string[]): boolean;
  /** Whether the leat.v1.Event encoded in `bytes[start, end)` matches. */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}
