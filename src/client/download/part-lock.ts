import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';

/** Who has the lock shows so often that it is still there … */
const SIGN_MS = 5_000;
/** … and is gone if it has not for so long, in milliseconds: it may be on another machine. */
const GONE_MS = 30_000;

/**
 * Keeps two downloads from writing one part at a time: PART.lock is there as long as somebody writes it. One that a
 * killed process left is taken over. Returns what frees it. Throws TARGET_BUSY.
 */
export async function lockPart(part: string): Promise<() => Promise<void>> {
  const lock = `${part}.lock`;
  while (!(await make(lock))) {
    if (!(await isLeft(lock))) throw targetBusy(part);
    await rm(lock, { force: true });
  }
  const timer = setInterval(() => void giveSign(lock), SIGN_MS).unref();
  return async () => {
    clearInterval(timer);
    await rm(lock, { force: true });
  };
}

/** False if it is there. */
async function make(lock: string): Promise<boolean> {
  const handle = await open(lock, 'wx').catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    await handle.writeFile(`${process.pid} ${hostname()}\n`);
  } catch (error) {
    await rm(lock, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return true;
}

/** Whether whoever made it is gone. */
async function isLeft(lock: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(lock);
    if (Date.now() - mtimeMs > GONE_MS) return true;
    const [pid, host] = (await readFile(lock, 'utf8')).trim().split(' ');
    return host === hostname() && !isRunning(Number(pid));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

async function giveSign(lock: string): Promise<void> {
  const now = new Date();
  await utimes(lock, now, now).catch(() => undefined); // The next one may succeed.
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function targetBusy(part: string): LeatError {
  const message = `another download writes ${part}; let it end, or choose another name`;
  return new LeatError(message, { code: Status.FAILED_PRECONDITION, reason: clientReasons.targetBusy });
}
