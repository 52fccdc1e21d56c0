import { abortable, isAbortError } from 'abort-controller-x';
import { Status, type CallOptions, type ClientMiddleware } from 'nice-grpc';
import type { WireOptions } from './wire-channel.js';
import { checkCredentials, copyMetadata, describeTokenProblem } from './check-headers.js';
import { clientReasons, LeatError } from './leat-error.js';
import { linkSignals } from './link-signals.js';

/** A token, or where to get one: asked at every call, so it may change; it may be asked for several at a time. */
export type TokenSource = string | (() => string | Promise<string>);

export interface Credentials {
  /** Sent as `authorization: Bearer …`; visible ASCII, not empty. Default: none. */
  readonly token?: TokenSource;
  /** Name to call under, where authentication is off (`leat-user`); printable ASCII, not empty. Default: none. */
  readonly user?: string;
}

/**
 * Puts the caller's credentials into every call. Throws INVALID_ARGUMENT at once for those that cannot be sent; a call
 * fails with reason TOKEN_FAILED if there is no token to be had.
 */
export function createHeadersMiddleware({ token, user }: Credentials): ClientMiddleware<WireOptions> {
  checkCredentials({ token, user });
  return async function* withHeaders(call, options) {
    const metadata = copyMetadata(options.metadata);
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
    const problem = describeTokenProblem(got);
    if (problem === undefined) return got as string;
    cause = new TypeError(`what the token function returned ${problem}`);
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
