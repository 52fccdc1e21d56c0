/** Removes from dist/ what no longer has a source: the tests run as built, and tsc leaves old files behind. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const built = existsSync('dist') ? readdirSync('dist', { recursive: true, encoding: 'utf8' }) : [];
for (const file of built) {
  const source = file.replace(/\.(?:js|js\.map|d\.ts)$/, '.ts');
  if (source !== file && !existsSync(source)) rmSync(path.join('dist', file));
}
