/**
 * Runs all tests as `npm test` does, and returns what became of them. The tests have a process group of their own and a
 * limit: what hangs is ended and named, and a process that a test left behind is ended, named, and a failure.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const RESULTS = 'dist/test-results.json';
const LIMIT_MINUTES = 35;
/** What the test runner's own processes may take to go. */
const GOING_MS = 10_000;

/** Resolves to `{ ok, passed, failed, skipped }`, counted by test. */
export async function runTests() {
  rmSync(RESULTS, { force: true });
  const reported = new Set();
  const child = spawn('npm', ['test', '--silent', '--', '--forceExit', '--json', `--outputFile=${RESULTS}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const stop = () => {
    endGroup(child.pid);
    process.exit(1);
  };
  // A group of its own does not hear of Ctrl-C.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  child.stderr.on('data', (text) => {
    process.stderr.write(text);
    for (const [, file] of String(text).matchAll(/(?:PASS|FAIL)\s+(\S+\.test\.js)/g)) reported.add(file);
  });
  const inTime = await ended(child);
  const left = inTime ? await leftBehind(child.pid) : [];
  endGroup(child.pid);
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
  if (!inTime) console.error(`the tests did not end within ${LIMIT_MINUTES} minutes; ${unreported(reported)}`);
  for (const line of left) console.error(`a test left a process behind: ${line}`);
  return { ok: inTime && left.length === 0 && child.exitCode === 0, ...results() };
}

async function ended(child) {
  const limit = new AbortController();
  const exit = new Promise((resolve) => child.once('exit', () => resolve(true)));
  const inTime = await Promise.race([exit, delay(LIMIT_MINUTES * 60_000, false, { signal: limit.signal })]);
  limit.abort();
  return inTime;
}

/** The processes of the group that do not go by themselves. */
async function leftBehind(group) {
  let left = processesOf(group);
  for (const end = Date.now() + GOING_MS; left.length > 0 && Date.now() < end; left = processesOf(group)) {
    await delay(100);
  }
  return left;
}

function processesOf(group) {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pgid=,stat=,pid=,args='], { encoding: 'utf8' });
  return (stdout ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith(`${group} `) && !/^\d+\s+Z/.test(line));
}

function endGroup(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}

function unreported(reported) {
  const files = existsSync('dist/test') ? readdirSync('dist/test', { recursive: true, encoding: 'utf8' }) : [];
  const open = files.filter((file) => file.endsWith('.test.js') && !reported.has(`dist/test/${file}`));
  return `without a result: ${open.join(', ') || 'none'}`;
}

function results() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(RESULTS, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch {
    console.error('the tests ended without results');
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
