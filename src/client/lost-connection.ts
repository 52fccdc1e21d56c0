import { Status } from 'nice-grpc';

/**
 * Statuses that grpc-js (1.14.7, `subchannel-call.js`, `load-balancing-call.js`) makes up when a connection or stream
 * ended without a status of the service: by a reset, whatever its code, a GOAWAY, or a cut.
 */
const MADE_UP: readonly (readonly [Status, RegExp])[] = [
  [Status.INTERNAL, /^Received RST_STREAM with code \d+/],
  [Status.INTERNAL, /^Failed to start HTTP\/2 stream with error /],
  [Status.INTERNAL, /^Write (?:error: |failed with error )/],
  [Status.RESOURCE_EXHAUSTED, /^Bandwidth exhausted or memory limit exceeded$/],
  [Status.CANCELLED, /^Call cancelled$/],
  [Status.UNAVAILABLE, /^(?:Connection dropped$|Stream refused by server$|Write (?:error: |failed with error ))/],
  [Status.UNAVAILABLE, /^(?:read|write) E[A-Z]+$/],
];

/** True if a status without details means that the connection, or the call's stream on it, was lost. */
export function isLostConnection(code: Status, text: string): boolean {
  return MADE_UP.some(([status, pattern]) => status === code && pattern.test(text));
}
