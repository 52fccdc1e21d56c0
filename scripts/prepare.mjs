/** After an install: builds, unless it is one without the development dependencies, which takes dist/ as it is. */
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

if (existsSync('node_modules/typescript')) {
  process.exit(spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' }).status ?? 1);
} else if (!existsSync('dist/src/cli/main.js')) {
  console.error('leat is not built: install with the development dependencies once (npm ci), then without them');
  process.exit(1);
}
