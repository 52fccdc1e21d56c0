import { rethrowAbortError } from 'abort-controller-x';
import { ClientError, Status, type ClientMiddleware } from 'nice-grpc';
import { openDetails } from './error-details.js';
import { describeProxy, type Proxy } from './find-proxy.js';
import { clientReasons, LeatError } from './leat-error.js';
import { describeTlsFailure, findConnectFailure } from './tls-failure.js';

const DETAILS_TRAILER = 'grpc-status-details-bin';

/** How calls reach the service. */
export interface Route {
  /** `host:port` */
  readonly address: string;
  readonly proxy?: Proxy;
}

/** Makes whatever a call fails with a LeatError, with the service's details opened. Abort errors stay what they are. */
export function createErrorsMiddleware({ address, proxy }: Route): ClientMiddleware {
  return async function* withErrors(call, options) {
    let trailer: Uint8Array | undefined;
    try {
      return yield* call.next(call.request, {
        ...options,
        onTrailer(metadata) {
          trailer = metadata.get(DETAILS_TRAILER);
          options.onTrailer?.(metadata);
        },
      });
    } catch (error) {
      rethrowAbortError(error);
      const failure = proxy === undefined ? undefined : describeProxyFailure(error, address, proxy);
      throw failure ?? LeatError.from(error, trailer === undefined ? {} : openDetails(trailer));
    }
  };
}

/** Undefined if the call failed in another way than by finding no connection. */
function describeProxyFailure(error: unknown, address: string, proxy: Proxy): LeatError | undefined {
  if (!(error instanceof ClientError) || error.code !== Status.UNAVAILABLE) return undefined;
  if (describeTlsFailure(error.details) !== undefined) return undefined;
  const problem = findConnectFailure(error.details);
  if (problem === undefined) return undefined;
  const message = `cannot reach ${address} through the proxy ${describeProxy(proxy)}: ${problem}`;
  return new LeatError(message, { code: Status.UNAVAILABLE, reason: clientReasons.proxyFailed });
}
