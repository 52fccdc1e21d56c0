const asIs = (bytes: Buffer) => bytes;

const bidi = {
  requestStream: true,
  responseStream: true,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const;

/** What grpc-js needs to know of a relay; messages stay bytes. */
export const relayDefinition = {
  Relay: { path: '/leat.bench.Relay/Relay', ...bidi },
  StoreAndRelay: { path: '/leat.bench.Relay/StoreAndRelay', ...bidi },
} as const;
