import { loadConfig } from '../../src/config.js';
import { openFiles } from '../../src/server/files.js';
import { leatServices } from '../../src/server/services.js';
import type { Store } from '../../src/store/store.js';
import { openTemporaryStore } from './temporary-store.js';
import { startTestServer } from './test-server.js';

/** All services over a store whose writes can be made to wait, as those to a disk that hangs. */
export interface SlowDisk {
  readonly address: string;
  /** Writes that wait now. */
  readonly waiting: number;
  /** From now on writes wait, until `release`. */
  hold(): void;
  release(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startOnSlowDisk(): Promise<SlowDisk> {
  const temporary = await openTemporaryStore();
  const { store } = temporary;
  let released = Promise.resolve();
  let release: () => void = () => undefined;
  let waiting = 0;
  const write: Store['write'] = async (...args) => {
    waiting++;
    await released;
    waiting--;
    return store.write(...args);
  };
  const slow: Store = Object.assign(Object.create(store) as Store, { write });
  const config = loadConfig();
  const files = await openFiles({ config, store: slow, dataDir: temporary.dataDir });
  const server = await startTestServer(leatServices({ config, store: slow, files }));
  return {
    address: `127.0.0.1:${server.grpcPort}`,
    get waiting() {
      return waiting;
    },
    hold: () => void (released = new Promise((resolve) => (release = resolve))),
    release: () => release(),
    async [Symbol.asyncDispose]() {
      release();
      await server[Symbol.asyncDispose]();
      await files.close();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
