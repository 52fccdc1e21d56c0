import type { Bench, Contestant, Settings } from '../harness/bench.js';
import type { Scope } from '../harness/scope.js';
import { type Role, startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { FileLoadOptions, FileLoadRole, FileRate } from '../roles/file-load.js';
import type { HttpLoadRole } from '../roles/http-load.js';
import type { TusServerOptions, TusServerRole } from '../roles/tus-server.js';
import { startLeat } from './servers.js';

const KIB = 1024;
const SIZES = [64, 256, 1024];
const FILE_BYTES = 64 * KIB * KIB;

const leat = (kib: number) => `leat, chunks of ${kib} KiB`;
const unhashed = (kib: number) => `leat without hashing, chunks of ${kib} KiB`;
const patches = (kib: number) => `tus, PATCHes of ${kib} KiB, not synced`;
const WHOLE = 'tus, one PATCH, not synced';
const SYNCED = 'tus, one PATCH, synced at the end';

/** One file after the other; ours synced as it comes, and with SHA-256. */
export const upload: Bench = {
  name: 'upload',
  summary: 'one upload after the other of 64 MiB each, through the whole service, to be on disk',
  unit: 'MB/s',
  comparisons: SIZES.flatMap((kib) => [
    { ours: leat(kib), peer: patches(kib), aim: { atLeast: 1.1 } },
    { ours: unhashed(kib), peer: patches(kib), aim: { atLeast: 1.5 } },
    { ours: leat(kib), peer: SYNCED },
    { ours: unhashed(kib), peer: SYNCED },
    { ours: leat(kib), peer: WHOLE },
  ]),
  async open(settings, scope) {
    const [hashing, plain] = [await leatLoad(scope, []), await leatLoad(scope, ['--import', NO_HASHING])];
    const [tus, synced] = [await tusLoad(scope, false), await tusLoad(scope, true)];
    return [
      ...SIZES.flatMap((kib) => [
        toLeat(leat(kib), hashing, kib, true, settings),
        toLeat(unhashed(kib), plain, kib, false, settings),
        toTus(patches(kib), tus, kib * KIB, settings),
      ]),
      toTus(WHOLE, tus, undefined, settings),
      toTus(SYNCED, synced, undefined, settings),
    ];
  },
};

const NO_HASHING = new URL('../load/no-hashing.js', import.meta.url).href;

async function leatLoad(scope: Scope, nodeArguments: readonly string[]): Promise<Role<FileLoadRole>> {
  const server = await startLeat(scope, {}, nodeArguments);
  return startLoad<FileLoadRole>(scope, 'file-load', await server.ask('port'));
}

async function tusLoad(scope: Scope, syncs: boolean): Promise<Role<HttpLoadRole>> {
  const { path: dataDir } = await scope.use(temporaryFolder());
  const server = await scope.use(startRole<TusServerRole>('tus-server', { dataDir, syncs } satisfies TusServerOptions));
  return startLoad<HttpLoadRole>(scope, 'http-load', await server.ask('port'));
}

function startLoad<R extends FileLoadRole | HttpLoadRole>(scope: Scope, name: string, port: number): Promise<Role<R>> {
  return scope.use(startRole<R>(name, { port } satisfies FileLoadOptions));
}

const fileBytesOf = ({ quick }: Settings) => (quick ? KIB * KIB : FILE_BYTES);

function toLeat(
  name: string,
  load: Role<FileLoadRole>,
  kib: number,
  checksummed: boolean,
  settings: Settings,
): Contestant {
  const order = { fileBytes: fileBytesOf(settings), chunkBytes: kib * KIB, seconds: settings.seconds, checksummed };
  return contestant(name, () => load.ask('upload', order));
}

function toTus(name: string, load: Role<HttpLoadRole>, patchBytes: number | undefined, settings: Settings): Contestant {
  const order = { fileBytes: fileBytesOf(settings), patchBytes, seconds: settings.seconds };
  return contestant(name, () => load.ask('upload', order));
}

/** MB/s of what `run` measures. */
export function contestant(name: string, run: () => Promise<FileRate>): Contestant {
  return {
    name,
    async measure() {
      const { bytesPerSecond, cpu } = await run();
      return { values: { [name]: bytesPerSecond / 1e6 }, notes: { loadCpu: cpu } };
    },
  };
}
