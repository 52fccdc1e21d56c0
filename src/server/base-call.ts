import { constants, type ServerHttp2Stream } from 'node:http2';

/** What a call of grpc-js 1.14.7 keeps in private. Tests in test/server fail if these names change. */
interface BaseCall {
  /** Makes messages of bytes; in state 0 between two of them. */
  readonly decoder?: { readonly readState?: number };
  readonly stream?: Pick<ServerHttp2Stream, 'close'>;
}

/** True if bytes came after the last whole message: grpc-js never looks at them, and says that the stream ended well. */
export function hasPartialMessage(call: object): boolean {
  return ((call as BaseCall).decoder?.readState ?? 0) !== 0;
}

/** Frees a call whose client reads neither messages nor status; there is no other way but to close its connection. */
export function resetStream(call: object): void {
  (call as BaseCall).stream?.close(constants.NGHTTP2_CANCEL);
}
