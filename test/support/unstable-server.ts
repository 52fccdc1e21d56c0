import { setTimeout as delay } from 'node:timers/promises';
import { spawnServer, type ChildServer } from './child-server.js';
import { startCuttingProxy } from './cutting-proxy.js';

/** How often each fault happens. The longer form: `LEAT_SURVIVAL_ROUNDS=40 npm test -- survival`. */
export const SURVIVAL_ROUNDS = Number(process.env.LEAT_SURVIVAL_ROUNDS ?? 3);

export interface UnstableServerOptions {
  readonly flags: Readonly<Record<string, unknown>>;
  /** The longest pause between two faults. Milliseconds. */
  readonly maxPauseMs: number;
  /** A connection is cut after so many bytes at most, in either direction. */
  readonly maxBytes: { readonly toClient: number; readonly toServer: number };
}

export type UnstableServer = Awaited<ReturnType<typeof startUnstableServer>>;

/** A server process behind a proxy: it is killed and drained, and its connections are cut. */
export async function startUnstableServer({ flags, maxPauseMs, maxBytes }: UnstableServerOptions) {
  let server: ChildServer = spawnServer(flags);
  const { grpcPort } = await server.serving;
  const proxy = await startCuttingProxy(grpcPort);
  const direct = `127.0.0.1:${grpcPort}`;
  const drains: (number | null)[] = [];

  async function restart(signal: NodeJS.Signals): Promise<void> {
    const { code } = await server.kill(signal);
    if (signal === 'SIGTERM') drains.push(code);
    server = spawnServer({ ...flags, listen: direct });
    await server.serving;
  }

  const faults: Readonly<Record<string, () => Promise<void>>> = {
    kill: () => restart('SIGKILL'),
    drain: () => restart('SIGTERM'),
    cut: async () => proxy.cutNow(),
    async cutAtAByte() {
      const { toClient, toServer } = maxBytes;
      proxy.plan(below(2) === 0 ? { toClient: below(toClient) } : { toServer: below(toServer) });
      proxy.cutNow();
    },
  };

  return {
    /** The proxy's address: connections through it are cut. */
    address: `127.0.0.1:${proxy.port}`,
    /** The server itself. */
    direct,
    /** The exit code of each drain. */
    drains: drains as readonly (number | null)[],
    /** The server that runs now. */
    current: () => server,
    /** Resolves after SURVIVAL_ROUNDS rounds of all faults, each round in a random order, or once `isOver()` is true. */
    async injectFaults(isOver: () => boolean = () => false): Promise<void> {
      for (let round = 0; round < SURVIVAL_ROUNDS; round++) {
        for (const fault of shuffled(Object.values(faults))) {
          if (isOver()) return;
          await fault();
          await delay(below(maxPauseMs));
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A random integer from 0 to `limit` - 1. */
export const below = (limit: number) => Math.floor(Math.random() * limit);

function shuffled<T>(items: readonly T[]): T[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(below(rest.length), 1));
}
