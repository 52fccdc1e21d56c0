import { abortable, isAbortError } from 'abort-controller-x';
import { Metadata, Status, type CallOptions, type ClientMiddleware } from 'nice-grpc';
import type { WireOptions } from './wire-channel.js';
import { clientReasons, LeatError } from './leat-error.js';
import { linkSignals } from './link-signals.js';
import { refuseEmptyOption } from './refuse-empty-option.js';

/** A token, or where to get one: asked at every call, so it may change; it may be asked for several at a time. */
export type TokenSource = string | (() => string | Promise<string>);

export interface Credentials {
  /** Sent as `authorization: Bearer …`. Default: none. */
  readonly token?: TokenSource;
  /** Name to call under, where authentication is off (`leat-user`). Default: none. */
  readonly user?: string;
}

/** Puts the caller's credentials into every call. Throws EMPTY_OPTION for an empty one. Calls fail with reason TOKEN_FAILED if there is no token to be had. */
export function createHeadersMiddleware({ token, user }: Credentials): ClientMiddleware<WireOptions> {
  if (typeof token === 'string') refuseEmptyOption('token', token);
  refuseEmptyOption('user', user);
  return async function* withHeaders(call, options) {
    const metadata = Metadata(options.metadata);
    if (user !== undefined) metadata.set('leat-user', user);
    if (token !== undefined) metadata.set('authorization', `Bearer ${await askFor(token, options)}`);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

async function askFor(token: TokenSource, { signal, deadline }: WireOptions & CallOptions): Promise<string> {
  if (typeof token === 'string') return token;
  const limit = linkSignals(signal);
  const timer = deadline && setTimeout(limit.abort, Math.max(0, deadline.getTime() - Date.now()));
  try {
    return await abortable(limit.signal, obtain(token));
  } catch (error) {
    throw isAbortError(error) && signal?.aborted !== true ? tooLate() : error;
  } finally {
    clearTimeout(timer);
    limit.unlink();
  }
}

async function obtain(token: () => string | Promise<string>): Promise<string> {
  let cause: unknown;
  try {
    const got: unknown = await token();
    // What cannot stand in a header would be refused deep in the transport, with the token in the message.
    if (typeof got === 'string' && /^[\x21-\x7e]+$/.test(got)) return got;
    cause = new TypeError('the token function gave something that is not printable ASCII without blanks');
  } catch (error) {
    cause = error;
  }
  const { message } = LeatError.from(cause);
  throw new LeatError(`there is no token: ${message}`, {
    code: Status.UNAUTHENTICATED,
    reason: clientReasons.tokenFailed,
    cause,
  });
}

function tooLate(): LeatError {
  return new LeatError('deadline exceeded while waiting for a token', { code: Status.DEADLINE_EXCEEDED });
}
