/**
 * `npm run build`, in the folder it runs in: removes from dist/ what no longer has a source (the tests run as built,
 * and tsc leaves old files behind), compiles, and makes the programs of package.json's `bin` executable. npm does the
 * last where it installs the package, but not in every clone, and `npx leat` needs it there too.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const built = existsSync('dist') ? readdirSync('dist', { recursive: true, encoding: 'utf8' }) : [];
for (const file of built) {
  const source = file.replace(/\.(?:js|js\.map|d\.ts)$/, '.ts');
  if (source !== file && !existsSync(source)) rmSync(path.join('dist', file));
}

const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const { bin } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const program of Object.values(bin)) chmodSync(program, 0o755);
