import {
  Server,
  ServerCredentials,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
} from '@grpc/grpc-js';
import { MESSAGE_BYTES, bareDefinition } from '../peers/bare-definition.js';
import { playRole } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

/** grpc-js with its defaults and nothing else. */
async function startBareServer() {
  let answer: Buffer = Buffer.alloc(0);
  const message = Buffer.alloc(MESSAGE_BYTES, 7);
  const GetUser: handleUnaryCall<Buffer, Buffer> = (_, callback) => callback(null, answer);
  const Source: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const write = () => {
      while (!call.cancelled && call.write(message));
    };
    call.on('drain', write);
    write();
  };
  const Sink: handleClientStreamingCall<Buffer, Buffer> = (call, callback) => {
    call.resume();
    call.on('end', () => callback(null, Buffer.alloc(0)));
  };
  const server = new Server();
  server.addService(bareDefinition, { GetUser, Source, Sink });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port: () => port,
    cpuSeconds,
    /** What GetUser answers from now on. */
    answerWith: (bytes: Uint8Array) => void (answer = Buffer.from(bytes)),
  };
}

export type BareServerRole = Awaited<ReturnType<typeof startBareServer>>;

playRole(await startBareServer());
