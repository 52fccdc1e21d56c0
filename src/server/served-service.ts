import type { Server, ServiceImplementation } from 'nice-grpc';
import type { LeatCallContext } from '../middleware/call-context.js';
import type { BoundaryContext } from '../middleware/call-boundary.js';
import type { DirectMethod } from './stream-call.js';
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
  /** Its methods with streams both ways that take their messages as they come, by path. */
  readonly directMethods: ReadonlyMap<string, DirectMethod>;
  addTo(server: LeatServer): void;
}

/** Opens the calls of methods with streams both ways, by name. */
type DirectMethods = Readonly<Record<string, DirectMethod['open']>>;

/**
 * Binds a generated definition to its handlers. `overrides` replaces the codec of single methods, and with it the type
 * that their handlers see; the methods in `direct` have no handler, for they take their messages as they come.
 */
export function served<
  S extends GeneratedService,
  const O extends CodecOverrides<S> = object,
  const D extends object = object,
>(
  service: S,
  implementation: Omit<ServiceImplementation<StrictService<S, O>, LeatCallContext>, keyof D>,
  overrides?: O,
  direct?: D & DirectMethods,
): ServedService {
  const { definition, middleware, codecs } = withStrictCodec(service, overrides);
  const unheard = Object.fromEntries(Object.keys(direct ?? {}).map((name) => [name, neverCalled]));
  const all: Record<string, unknown> = { ...unheard, ...implementation };
  const handlers = all as ServiceImplementation<StrictService<S, O>, LeatCallContext>;
  return {
    name: service.fullName,
    unaryMethods: unaryMethodsOf(service, all as Handlers, codecs),
    directMethods: directMethodsOf(service, direct ?? {}, codecs),
    addTo: (server) => server.with(middleware).add(definition, handlers),
  };
}

/** grpc-js wants a handler of every method; see StreamCall. */
function neverCalled(): never {
  throw new Error('the call was not taken by its StreamCall');
}

function directMethodsOf(
  { fullName, methods }: GeneratedService,
  direct: DirectMethods,
  codecs: ReadonlyMap<string, Codec>,
): ReadonlyMap<string, DirectMethod> {
  const found = new Map<string, DirectMethod>();
  for (const [key, open] of Object.entries(direct)) {
    const path = `/${fullName}/${methods[key]?.name}`;
    const codec = codecs.get(path);
    if (codec) found.set(path, { codec, open });
  }
  return found;
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
