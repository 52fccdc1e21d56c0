import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A service of its own, in a process of its own. */
export interface ServiceProcess {
  readonly address: string;
  /** Ends the process as a power cut would, and resolves when another one takes calls at the same address. */
  crashAndRestart(): Promise<void>;
  /** Drains the service with SIGTERM and resolves with its exit code. Repeating it is harmless. */
  stop(): Promise<number | null>;
}

/** Starts `leat serve` on free ports and resolves when it takes calls. Rejects with its last words if it ends first. */
export async function startService(dataDir: string): Promise<ServiceProcess> {
  let running = await start(dataDir, '127.0.0.1:0');
  const { address } = running;
  return {
    address,
    async crashAndRestart() {
      running.child.kill('SIGKILL');
      await running.exited;
      running = await start(dataDir, address);
    },
    stop: async () => stop(running),
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly address: string;
  readonly exited: Promise<number | null>;
}

async function start(dataDir: string, listen: string): Promise<Running> {
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const args = ['serve', '--data-dir', dataDir, '--listen', listen, '--http-listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  try {
    return { child, exited, address: `127.0.0.1:${await grpcPortOf(child)}` };
  } catch (error) {
    await stop({ child, exited });
    throw error;
  }
}

async function stop({ child, exited }: Pick<Running, 'child' | 'exited'>): Promise<number | null> {
  if (child.exitCode === null) child.kill('SIGTERM');
  return exited;
}

/** Reads the log until the service says where it listens, and goes on emptying the pipe. */
async function grpcPortOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('the service has no output');
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    let last = 'nothing';
    lines.on('line', (line) => {
      last = line;
      const port = servingOn(line);
      if (port !== undefined) resolve(port);
    });
    lines.on('close', () => reject(new Error(`the service ended before it was ready; it said: ${last}`)));
  });
}

function servingOn(line: string): number | undefined {
  try {
    const { msg, grpcPort } = JSON.parse(line) as { msg?: unknown; grpcPort?: unknown };
    return msg === 'serving' && typeof grpcPort === 'number' ? grpcPort : undefined;
  } catch {
    return undefined; // Not a line of the log.
  }
}
