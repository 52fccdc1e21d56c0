import { randomUUID } from 'node:crypto';
import type { Metadata } from 'nice-grpc-common';

/** Header of requests and responses. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Up to 128 printable ASCII characters without blanks, so that it is one word in every log. */
const acceptable = /^[\x21-\x7e]{1,128}$/;

/** The caller's id if it can be used, else a fresh one. */
export function requestIdOf(metadata: Metadata): string {
  const given = metadata.get(REQUEST_ID_HEADER);
  return given !== undefined && acceptable.test(given) ? given : randomUUID();
}
