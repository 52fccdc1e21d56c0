/** What grpc-js 1.14.7 keeps in private: a call decodes frames to messages, in state 0 between two of them. */
interface DecodingCall {
  readonly decoder?: { readonly readState?: number };
}

/**
 * True if bytes came after the last whole message. grpc-js never looks at them and says that the stream ended well
 * (test/server/cut-streams.test.ts fails if it begins to, or if its names change).
 */
export function hasPartialMessage(call: object): boolean {
  return ((call as DecodingCall).decoder?.readState ?? 0) !== 0;
}
