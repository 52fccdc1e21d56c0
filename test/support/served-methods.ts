import { Server } from '@grpc/grpc-js';
import { startLeat } from './leat-server.js';

type Register = (this: Server, path: string, ...rest: unknown[]) => boolean;

/** The paths of all methods that a server has, from grpc-js's own table: those of libraries too, and new ones. */
export async function servedMethods(): Promise<string[]> {
  const prototype = Server.prototype as unknown as { register: Register };
  const original = prototype.register;
  const paths: string[] = [];
  prototype.register = function (path, ...rest) {
    paths.push(path);
    return original.call(this, path, ...rest);
  };
  try {
    await (await startLeat())[Symbol.asyncDispose]();
  } finally {
    prototype.register = original;
  }
  return paths.sort();
}
