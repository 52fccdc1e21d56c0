import { readFileSync, statfsSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';

/** Where and with what a result came to be; nothing that names a host or a folder. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Of the folder in which the stores are. */
  readonly fileSystem: string;
  readonly node: string;
  readonly packages: Readonly<Record<string, string>>;
}

const PACKAGES = ['leat', '@grpc/grpc-js', 'nice-grpc', 'better-sqlite3', '@bufbuild/protobuf', 'pino'];

/** statfs(2), f_type. */
const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
]);

export function describeMachine(): Machine {
  const [cpu] = cpus();
  const type = statfsSync(tmpdir()).type;
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    fileSystem: FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`,
    node: process.version,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/** Of the last minute: other work on the machine shows here. */
export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? NaN) * 100) / 100;
}

function versionOf(name: string): string {
  const folder = name === 'leat' ? '../../../' : `../../../node_modules/${name}/`;
  const file = new URL(`${folder}package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
