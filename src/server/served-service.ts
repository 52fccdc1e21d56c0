import type { Server, ServiceImplementation } from 'nice-grpc';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { BoundaryContext } from '../middleware/call-boundary.js';
import {
  withStrictCodec,
  type CodecOverrides,
  type GeneratedService,
  type StrictService,
} from '../middleware/request-codec.js';

export type LeatServer = Server<LeatCallContext & BoundaryContext>;

/** A service, ready to be served. */
export interface ServedService {
  /** `package.Service`, for health and reflection. */
  readonly name: string;
  addTo(server: LeatServer): void;
}

/**
 * Binds a generated definition to its handlers. `overrides` replaces the codec of single methods, and with it the type
 * that their handlers see.
 */
export function served<S extends GeneratedService, const O extends CodecOverrides<S> = object>(
  service: S,
  implementation: ServiceImplementation<StrictService<S, O>, LeatCallContext>,
  overrides?: O,
): ServedService {
  const { definition, middleware } = withStrictCodec(service, overrides);
  return {
    name: service.fullName,
    addTo: (server) => server.with(middleware).add(definition, implementation),
  };
}
