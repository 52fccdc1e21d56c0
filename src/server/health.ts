import { execute } from 'abort-controller-x';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
  type HealthCheckRequest,
} from '../../gen/grpc/health/v1/health.js';
import { notFound } from '../domain/errors.js';
import type { LeatCallContext } from '../middleware/call-context.js';
import { type ServedService, served } from './served-service.js';

/** grpc.health.v1 for the whole server (service "") and for each service. */
export interface Health {
  readonly service: ServedService;
  set(serving: boolean): void;
}

/** Names of services are cut to this length in error messages. */
const NAME_MAX_LENGTH = 200;

interface WatchContext extends LeatCallContext {
  readonly signal: AbortSignal;
}

export function createHealth(services: readonly string[]): Health {
  const names = ['', ...services];
  const known = new Set(names);
  /** One callback for each Watch that waits for a change. */
  const watchers = new Set<() => void>();
  let status = ServingStatus.NOT_SERVING;

  function check({ service }: HealthCheckRequest) {
    if (known.has(service)) return { status };
    throw notFound('SERVICE_NOT_FOUND', 'grpc.health.v1.Service', service.slice(0, NAME_MAX_LENGTH));
  }

  async function* watch({ service }: HealthCheckRequest, { signal }: WatchContext) {
    let sent: ServingStatus | undefined;
    for (;;) {
      const current = known.has(service) ? status : ServingStatus.SERVICE_UNKNOWN;
      if (current === sent) await changed(signal);
      else yield { status: (sent = current) };
    }
  }

  /** Resolves at the next change. Rejects when `signal` aborts; leaves nothing behind. */
  function changed(signal: AbortSignal): Promise<void> {
    return execute<void>(signal, (resolve) => {
      watchers.add(resolve);
      return () => void watchers.delete(resolve);
    });
  }

  return {
    service: served(HealthDefinition, {
      check: async (request) => check(request),
      list: async () => ({ statuses: new Map(names.map((name) => [name, { status }])) }),
      watch,
    }),
    set(serving) {
      status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      for (const notify of watchers) notify();
      watchers.clear();
    },
  };
}
