const asIs = (bytes: Buffer) => bytes;

const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };

/** What grpc-js needs to know of a method; messages stay bytes. */
export const bareDefinition = {
  /** Answers the same bytes, whatever is asked. */
  GetUser: { path: '/leat.v1.UserService/GetUser', requestStream: false, responseStream: false, ...codec },
  /** Sends messages until the client leaves. */
  Source: { path: '/leat.bench.Bare/Source', requestStream: false, responseStream: true, ...codec },
  /** Takes messages, and answers when they end. */
  Sink: { path: '/leat.bench.Bare/Sink', requestStream: true, responseStream: false, ...codec },
} as const;

/** Of the messages of streams whose throughput is measured. */
export const MESSAGE_BYTES = 64 * 1024;
