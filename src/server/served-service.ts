import type { Server, ServiceImplementation } from 'nice-grpc';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { BoundaryContext } from '../middleware/call-boundary.js';
import type { UnaryMethod } from './unary-call.js';
import {
  type Codec,
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
  /** Its methods with one request and one answer, by path. */
  readonly unaryMethods: ReadonlyMap<string, UnaryMethod>;
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
  const { definition, middleware, codecs } = withStrictCodec(service, overrides);
  return {
    name: service.fullName,
    unaryMethods: unaryMethodsOf(service, implementation as Handlers, codecs),
    addTo: (server) => server.with(middleware).add(definition, implementation),
  };
}

type Handlers = Readonly<Record<string, UnaryMethod['handle']>>;

function unaryMethodsOf(
  { fullName, methods }: GeneratedService,
  handlers: Handlers,
  codecs: ReadonlyMap<string, Codec>,
): ReadonlyMap<string, UnaryMethod> {
  const found = new Map<string, UnaryMethod>();
  for (const [key, { name, requestStream, responseStream }] of Object.entries(methods)) {
    const path = `/${fullName}/${name}`;
    const codec = codecs.get(path);
    if (requestStream || responseStream || codec === undefined) continue;
    found.set(path, { codec, handle: async (request, context) => handlers[key]?.(request, context) });
  }
  return found;
}
