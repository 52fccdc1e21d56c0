import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Commands, RoleReply } from './play-role.js';

/** A process that plays one role in a bench. */
export interface Role<C extends Commands> {
  /** Asks it to do something. Rejects if that fails, or if the process ends before it is done. */
  ask<K extends keyof C & string>(command: K, ...argument: Parameters<C[K]>): Promise<Awaited<ReturnType<C[K]>>>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Asked {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Longer than anything that a role is asked to do: a bench that hangs ends with an error. */
const TIMEOUT_MS = 180_000;

/** Starts `bench/roles/<name>` with options (JSON), and waits until it is ready. */
export async function startRole<C extends Commands>(
  name: string,
  options: unknown,
  nodeArguments: readonly string[] = [],
): Promise<Role<C>> {
  const script = fileURLToPath(new URL(`../roles/${name}.js`, import.meta.url));
  const child = fork(script, [JSON.stringify(options)], {
    execArgv: [...nodeArguments],
    serialization: 'advanced',
    // Standard output is for results.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const asked = new Map<number, Asked>();
  let lastId = 0;
  child.on('message', (reply: RoleReply) => {
    const waiting = asked.get(reply.id);
    asked.delete(reply.id);
    if ('error' in reply) waiting?.reject(new Error(`${name}: ${reply.error}`));
    else waiting?.resolve(reply.result);
  });
  child.on('exit', (code, signal) => {
    const error = new Error(`${name} ended (${signal ?? code})`);
    for (const waiting of asked.values()) waiting.reject(error);
  });
  await new Promise((resolve, reject) => asked.set(0, { resolve, reject }));
  return {
    ask: (command, ...[argument]) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        const late = setTimeout(() => reject(new Error(`${name} does not answer to ${command}`)), TIMEOUT_MS);
        const settled = () => clearTimeout(late);
        asked.set(id, {
          resolve: (result) => (settled(), resolve(result as Parameters<typeof resolve>[0])),
          reject: (error) => (settled(), reject(error)),
        });
        child.send({ id, command, argument: argument as unknown }, (error) => error && reject(error));
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
