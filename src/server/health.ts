import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import type { LeatServer } from './served-service.js';

/** grpc.health.v1 for the whole server (service "") and for each service. */
export interface Health {
  addTo(server: LeatServer): void;
  set(serving: boolean): void;
}

export function createHealth(services: readonly string[]): Health {
  const state = HealthState();
  // Every Watch is a listener; there may be as many as there are streams.
  state.setMaxListeners(0);
  const set = (serving: boolean) => {
    for (const service of ['', ...services]) state.setStatus(serving ? 'healthy' : 'unhealthy', service);
  };
  set(false);
  return { set, addTo: (server) => server.add(HealthDefinition, HealthServiceImpl(state)) };
}
