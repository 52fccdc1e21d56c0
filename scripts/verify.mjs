/**
 * `npm run verify`: everything that must hold before a change lands. Runs all steps, says which failed, and leaves the
 * counts in dist/verify.json. `npm run verify -- lint types` runs only the named ones.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from './run-tests.mjs';

const steps = {
  format: () => run('prettier', '--check', '--log-level', 'warn', '.'),
  lint: () => run('eslint', '.', '--max-warnings', '0'),
  contract: () => run('buf', 'lint') && run('buf', 'format', '--diff', '--exit-code'),
  breaking: () => breaking(),
  generated: () => generated(),
  types: () => run('tsc', '-p', 'tsconfig.json'),
  docs: () => run('node', 'scripts/readme-config.mjs', '--check'),
  tests: () => tests(),
};

/** As in an npm script: the project's own tools come first. */
const withTools = {
  ...process.env,
  PATH: `${path.resolve('node_modules', '.bin')}${path.delimiter}${process.env.PATH}`,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`unknown step ${unknown.join(', ')}; there are: ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n── ${name}`);
  const started = Date.now();
  const ok = await step();
  counts[ok ? 'passed' : 'failed'] += 1;
  if (!ok) failures.push(name);
  console.log(`── ${name} ${ok ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(0)} s)`);
}
mkdirSync('dist', { recursive: true });
writeFileSync('dist/verify.json', JSON.stringify(counts));
console.log(failures.length === 0 ? '\nverify: all ok' : `\nverify: FAILED: ${failures.join(', ')}`);
process.exit(failures.length === 0 ? 0 : 1);

function run(command, ...args) {
  return spawnSync(command, args, { stdio: 'inherit', env: withTools }).status === 0;
}

/** Compares the contract with the last release: there is nothing to break before the first one. */
function breaking() {
  const tag = spawnSync('git', ['describe', '--tags', '--abbrev=0', '--match', 'v*'], { encoding: 'utf8' });
  if (tag.status !== 0) {
    console.log('skipped: no release yet (no tag v*), so nothing can be broken');
    return true;
  }
  return run('buf', 'breaking', '--against', `.git#tag=${tag.stdout.trim()}`);
}

/** Generates into an empty folder and compares it with what is committed. */
function generated() {
  const folder = mkdtempSync(path.join(tmpdir(), 'leat-gen-'));
  try {
    return (
      run('buf', 'generate', '-o', folder) &&
      run('buf', 'build', '--as-file-descriptor-set', '-o', path.join(folder, 'gen', 'leat.binpb')) &&
      spawnSync('diff', ['-r', 'gen', path.join(folder, 'gen')], { stdio: 'inherit' }).status === 0
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The command of the README, `npm test`; each test counts. */
async function tests() {
  const { ok, passed, failed, skipped } = await runTests();
  counts.passed += passed;
  counts.failed += failed;
  counts.skipped += skipped;
  return ok;
}
