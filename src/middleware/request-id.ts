import { randomUUID } from 'node:crypto';

/** Header of requests and responses. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Up to 128 printable ASCII characters without blanks, so that it is one word in every log. */
const acceptable = /^[\x21-\x7e]{1,128}$/;

/** The caller's id if it can be used, else a fresh one. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && acceptable.test(given) ? given : randomUUID();
}
