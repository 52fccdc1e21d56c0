import { Client, credentials } from '@grpc/grpc-js';
import { watchSessions } from '../../src/client/channel-sessions.js';
import { createClientWindows } from '../../src/client/channel.js';
import { MESSAGE_BYTES, bareDefinition } from '../peers/bare-definition.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface StreamsOptions {
  readonly port: number;
  /** The client's windows: as of `leat/client`. Default: false, those of grpc-js. */
  readonly ownWindows?: boolean;
}

const { port, ownWindows = false } = roleOptions<StreamsOptions>();
const windows = ownWindows ? createClientWindows({}) : undefined;
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
  ...windows?.options,
  'grpc.use_local_subchannel_pool': 1,
});
if (windows) watchSessions(client.getChannel(), (session) => windows.control.add(session));
const message = Buffer.alloc(MESSAGE_BYTES, 7);

const commands = {
  /** Receives for some seconds, and until the first message has come; answers bytes a second. */
  down(seconds: number): Promise<number> {
    const { path, requestSerialize, responseDeserialize } = bareDefinition.Source;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0));
    const startedAt = performance.now();
    let bytes = 0;
    let isTimeOver = false;
    return new Promise((resolve) => {
      const end = () => {
        resolve((bytes * 1000) / (performance.now() - startedAt));
        call.cancel();
      };
      call.on('error', () => undefined); // Cancelled, when the time is over.
      call.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (isTimeOver) end();
      });
      setTimeout(() => {
        isTimeOver = true;
        if (bytes > 0) end();
      }, seconds * 1000);
    });
  },

  /** Sends for some seconds; counts until the answer. */
  up(seconds: number): Promise<number> {
    const { path, requestSerialize, responseDeserialize } = bareDefinition.Sink;
    const startedAt = performance.now();
    let bytes = 0;
    return new Promise((resolve, reject) => {
      const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error) =>
        error ? reject(error) : resolve((bytes * 1000) / (performance.now() - startedAt)),
      );
      const write = () => {
        for (let goesOn = true; goesOn; bytes += MESSAGE_BYTES) {
          if (performance.now() - startedAt >= seconds * 1000) return void call.end();
          goesOn = call.write(message);
        }
      };
      call.on('drain', write);
      write();
    });
  },
};

export type StreamsRole = typeof commands;

playRole(commands);
