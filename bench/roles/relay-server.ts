import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type handleBidiStreamingCall,
} from '@grpc/grpc-js';
import { relayDefinition } from '../peers/relay-definition.js';
import { playRole, roleOptions } from '../processes/play-role.js';
import { cpuSeconds } from '../processes/usage.js';

export interface RelayServerOptions {
  readonly dataDir: string;
}

/** grpc-js with its defaults: what one stream says all streams are sent, at once or after it is on the disk. */
async function startRelayServer({ dataDir }: RelayServerOptions) {
  const file = openSync(path.join(dataDir, 'said'), 'a');
  const relay = (before: (message: Buffer) => void): handleBidiStreamingCall<Buffer, Buffer> => {
    const calls = new Set<ServerDuplexStream<Buffer, Buffer>>();
    return (call) => {
      calls.add(call);
      call.sendMetadata(new Metadata());
      call.on('data', (message: Buffer) => {
        before(message);
        for (const other of calls) other.write(message);
      });
      call.on('end', () => call.end());
      call.on('close', () => calls.delete(call));
      call.on('error', () => undefined);
    };
  };
  const server = new Server();
  server.addService(relayDefinition, {
    Relay: relay(() => undefined),
    StoreAndRelay: relay((message) => {
      writeSync(file, message);
      fdatasyncSync(file);
    }),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  process.on('exit', () => closeSync(file));
  return { port: () => port, cpuSeconds };
}

export type RelayServerRole = Awaited<ReturnType<typeof startRelayServer>>;

playRole(await startRelayServer(roleOptions()));
