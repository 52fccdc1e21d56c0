import type { Config } from '../config.js';
import type { Store } from '../store/store.js';
import type { ServedService } from './served-service.js';

export interface ServiceDeps {
  readonly config: Config;
  readonly store: Store;
}

/** All services of Leat. */
export function leatServices(_deps: ServiceDeps): readonly ServedService[] {
  return [];
}
