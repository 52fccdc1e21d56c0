import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeTempDir } from './temp-dir.js';

/** A project of somebody else's in which this package is installed, as it is packed. */
export interface ForeignProject {
  readonly path: string;
  /** What the package has in it, as paths. */
  readonly files: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '../../..');

/** What `npm install --omit=optional` of the packed package installs besides, at the top. */
export const clientDependencies = [
  '@bufbuild/protobuf',
  '@grpc/grpc-js',
  'abort-controller-x',
  'commander',
  'nice-grpc',
  'nice-grpc-common',
  'nice-grpc-error-details',
];

/** Packs this package and unpacks it in an empty project, without the network: dependencies are links to ours. */
export async function installPackage(dependencies: readonly string[] = clientDependencies): Promise<ForeignProject> {
  const dir = await makeTempDir();
  const modules = path.join(dir.path, 'node_modules');
  mkdirSync(path.join(modules, 'leat'), { recursive: true });
  // It is built already; packing would build it again.
  const args = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', dir.path];
  const [packed] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' })) as PackResult[];
  if (packed === undefined) throw new Error('npm pack made nothing');
  const tarball = path.join(dir.path, packed.filename);
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', path.join(modules, 'leat')]);
  for (const name of dependencies) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  writeFileSync(path.join(dir.path, 'package.json'), '{"type": "module"}');
  return {
    path: dir.path,
    files: packed.files.map((file) => file.path),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

interface PackResult {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}
