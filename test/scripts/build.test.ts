import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { makeTempDir } from '../support/temp-dir.js';

const run = promisify(execFile);
const bound = { timeout: 30_000, killSignal: 'SIGKILL' } as const;
const root = path.resolve(import.meta.dirname, '../../..');

it('a build in a clean clone makes a program that can be started, and leaves nothing old in dist/', async () => {
  await using clone = await makeTempDir();
  const write = (file: string, text: string) => {
    mkdirSync(path.join(clone.path, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(clone.path, file), text);
  };
  write('src/cli/main.ts', `#!/usr/bin/env node\nconsole.log('started' satisfies string);\n`);
  write('dist/src/gone.js', '');
  for (const file of ['package.json', 'tsconfig.json']) cpSync(path.join(root, file), path.join(clone.path, file));
  symlinkSync(path.join(root, 'node_modules'), path.join(clone.path, 'node_modules'));
  const build = [path.join(root, 'scripts/build.mjs')];
  const program = path.join(clone.path, 'dist/src/cli/main.js');
  // The second build finds it as a copy without modes left it.
  for (let builds = 0; builds < 2; builds++) {
    const { stdout } = await run(process.execPath, build, { cwd: clone.path, ...bound }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
    expect(await run(program, bound)).toEqual({ stdout: 'started\n', stderr: '' });
    chmodSync(program, 0o644);
  }
  expect(existsSync(path.join(clone.path, 'dist/src/gone.js'))).toBe(false);
});
