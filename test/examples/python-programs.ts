import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';

const source = path.resolve(import.meta.dirname, '../../../examples/python');

/** What is needed to run the programs, or why they cannot be run here. */
export type PythonTools = { readonly python: string } | { readonly missing: string };

/** Looks for a Python with gRPC ($PYTHON, the distribution's, the first of the path) and for the compiler. */
export function findPythonTools(): PythonTools {
  const candidates = [process.env.PYTHON, '/usr/bin/python3', 'python3'].filter((name) => name !== undefined);
  const python = candidates.find((name) => succeeds(name, '-c', 'import grpc, google.protobuf'));
  if (python === undefined) return { missing: `no Python with grpcio and protobuf (${candidates.join(', ')})` };
  const hasCompiler =
    succeeds(python, '-c', 'import grpc_tools.protoc') ||
    (succeeds('protoc', '--version') && succeeds('sh', '-c', 'command -v grpc_python_plugin'));
  return hasCompiler ? { python } : { missing: 'neither grpcio-tools nor protoc with grpc_python_plugin' };
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

export interface RunningProgram {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** The programs of examples/python with generated code, in a folder of their own. */
export interface PythonPrograms {
  readonly folder: string;
  /** Starts one: `start('users.py', 'get', 'ada')`. */
  start(address: string, program: string, ...args: readonly string[]): RunningProgram;
  /** Ends what still runs, and removes the folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A copy, so that what a developer generated with another compiler does not get in the way. */
export async function preparePrograms(python: string): Promise<PythonPrograms> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leat-python-'));
  for (const file of await readdir(source)) {
    if (file.endsWith('.py') && !file.endsWith('_pb2.py')) {
      await copyFile(path.join(source, file), path.join(folder, file));
    }
  }
  const env = { ...process.env, PYTHON: python, PYTHONDONTWRITEBYTECODE: '1' };
  const generated = spawnSync('sh', [path.join(source, 'generate.sh'), folder], { env, encoding: 'utf8' });
  if (generated.status !== 0) throw new Error(`generate.sh: ${generated.stdout}${generated.stderr}`);
  const running = new Set<RunningProgram>();
  return {
    folder,
    start(address, program, ...args) {
      const child = spawn(python, [path.join(folder, program), ...args], {
        env: { ...env, LEAT_ADDRESS: address },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const started = watch(child);
      running.add(started);
      void started.ended.then(() => running.delete(started));
      return started;
    },
    async [Symbol.asyncDispose]() {
      for (const { child, ended } of running) {
        child.kill('SIGKILL');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function watch(child: RunningProgram['child']): RunningProgram {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (text[name] += chunk));
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }));
  return { child, stdout: () => text.stdout, stderr: () => text.stderr, ended };
}
