import type { ServerMiddleware } from 'nice-grpc-common';
import { invalid } from '../domain/errors.js';
import type { BoundaryContext } from './call-boundary.js';

/** In insecure mode the caller may name itself in this header. */
export const CALLER_HEADER = 'leat-user';

/** Adds the caller's name to the context and to the record. */
export function createCallerMiddleware(): ServerMiddleware<{ readonly caller: string }, BoundaryContext> {
  return (call, context) => {
    const caller = callerOf(context.metadata.getAll(CALLER_HEADER));
    context.record.caller = caller;
    return call.next(call.request, Object.assign(context, { caller }));
  };
}

/** The name of a header's values; empty if there is none. Throws `invalid` if it cannot be a name. */
export function callerOf(names: readonly (string | Uint8Array)[]): string {
  if (names.length === 0) return '';
  if (names.length > 1) throw wrong('must be given once');
  const name = String(names[0] ?? '');
  if (name.length > 128) throw wrong('must have at most 128 characters');
  if (!/^[\x21-\x7e]*$/.test(name)) throw wrong('must be printable ASCII without blanks');
  return name;
}

function wrong(description: string) {
  return invalid([{ field: CALLER_HEADER, description }], 'INVALID_CALLER');
}
