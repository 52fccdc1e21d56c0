import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { playRole } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

/** grpc-js and nothing else: UserService.GetUser, which always answers the same bytes. */
async function startBareServer() {
  let answer: Buffer = Buffer.alloc(0);
  const getUser: handleUnaryCall<Buffer, Buffer> = (_, callback) => callback(null, answer);
  const asIs = (bytes: Buffer) => bytes;
  const server = new Server();
  server.addService(
    {
      GetUser: {
        path: '/leat.v1.UserService/GetUser',
        requestStream: false,
        responseStream: false,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    { GetUser: getUser },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port: () => port,
    cpuSeconds,
    /** What it answers from now on. */
    answerWith: (bytes: Uint8Array) => void (answer = Buffer.from(bytes)),
  };
}

export type BareServerRole = Awaited<ReturnType<typeof startBareServer>>;

playRole(await startBareServer());
