import type { CompatServiceDefinition } from 'nice-grpc';

/** The part of a message type that a client needs of its responses. */
const asBytes = {
  encode: (bytes: Uint8Array) => ({ finish: () => bytes }),
  decode: (bytes: Uint8Array) => new Uint8Array(bytes),
  fromPartial: (bytes: Uint8Array) => bytes,
};

type Raw<S extends CompatServiceDefinition & { methods: object }> = Omit<S, 'methods'> & {
  methods: { [M in keyof S['methods']]: Omit<S['methods'][M], 'responseType'> & { responseType: typeof asBytes } };
};

/** The service with responses as the bytes that came, for other decoders to read. */
export function withRawResponses<S extends CompatServiceDefinition & { methods: object }>(service: S): Raw<S> {
  const methods = Object.entries(service.methods).map(([name, method]: [string, object]) => [
    name,
    { ...method, responseType: asBytes },
  ]);
  return { ...service, methods: Object.fromEntries(methods) as Raw<S>['methods'] };
}
