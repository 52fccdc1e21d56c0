import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const tour = section('A five-minute tour');
const patterns = [...section('The four patterns, and when to use which').matchAll(/`(npx [^`]+)`/g)].map(
  ([, c]) => c ?? '',
);

function section(title: string): string {
  return readme.split(/^## /m).find((part) => part.startsWith(title)) ?? '';
}

interface Block {
  readonly ownTerminal: boolean;
  readonly commands: string;
}

const blocks: Block[] = [...tour.matchAll(/^```sh( terminal)?\n([\s\S]*?)^```/gm)].map(([, terminal, commands]) => ({
  ownTerminal: terminal !== undefined,
  commands: commands ?? '',
}));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/**
 * A folder with an `npx` that starts the programs of this package at once. The real one takes 2 seconds for each of some
 * forty commands, and a test of its own.
 */
function directNpx(parent: string): string {
  const folder = mkdtempSync(path.join(parent, 'npx-'));
  const script = [
    '#!/bin/sh',
    'name=$1; shift',
    `if [ "$name" = leat ]; then exec '${process.execPath}' '${root}/dist/src/cli/main.js' "$@"; fi`,
    `exec '${root}/node_modules/.bin/'"$name" "$@"`,
  ];
  writeFileSync(path.join(folder, 'npx'), `${script.join('\n')}\n`, { mode: 0o755 });
  return folder;
}

/** The commands as they stand, but for ports and data directory, which come from the environment. */
describe('README', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'leat-readme-'));
  const terminals: { child: ChildProcess; ended: Promise<Ended> }[] = [];
  let env: NodeJS.ProcessEnv;
  let grpc: string;
  let http: string;

  beforeAll(async () => {
    [grpc, http] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    env = { ...process.env, LEAT_DATA_DIR: dataDir, LEAT_LISTEN: grpc, LEAT_HTTP_LISTEN: http, LEAT_ADDRESS: grpc };
    delete env.NODE_OPTIONS;
    env.PATH = `${directNpx(dataDir)}${path.delimiter}${env.PATH}`;
  });

  afterAll(async () => {
    for (const { child } of terminals) signalGroup(child, 'SIGKILL');
    await Promise.all(terminals.map(({ ended }) => ended));
    rmSync(dataDir, { recursive: true, force: true });
  });

  function start(commands: string): { child: ChildProcess; ended: Promise<Ended>; output: () => string } {
    const here = commands.replaceAll('127.0.0.1:50051', grpc);
    const child = spawn('bash', ['-euo', 'pipefail', '-c', here], { cwd: root, env, detached: true });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output })));
    return { child, ended, output: () => output };
  }

  function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // Ended in this moment.
    }
  }

  async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
  }

  async function isReady(): Promise<boolean> {
    return fetch(`http://${http}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  it('has a tour whose every command works, and a service that stops cleanly after it', async () => {
    expect(blocks.length).toBeGreaterThan(6);
    for (const { ownTerminal, commands } of blocks) {
      const run = start(commands);
      if (ownTerminal) {
        terminals.push(run);
        await until(() => (commands.includes('serve') ? isReady() : run.output().includes('hello, world')));
      } else {
        expect({ commands, ...(await run.ended) }).toMatchObject({ code: 0 });
      }
    }
    for (const command of patterns) expect({ command, ...(await start(command).ended) }).toMatchObject({ code: 0 });
    // Ctrl-C goes to all of the terminal's processes; npx and the shell in between end by the signal, ours do not.
    for (const { child, ended } of terminals.toReversed()) {
      signalGroup(child, 'SIGINT');
      // What the log tells of calls that found nothing is no failure.
      expect((await ended).output).not.toMatch(/^error|"level":[56]0/im);
    }
    expect((await terminals[0]?.ended)?.output).toContain('"msg":"stopped"');
  }, 240_000);

  it('finds the command of this package with npx', async () => {
    const { PATH } = process.env;
    const run = spawn('npx', ['leat', '--version'], { cwd: root, env: { ...env, PATH } });
    let output = '';
    run.stdout.on('data', (data: Buffer) => (output += data.toString()));
    const code = await new Promise((resolve) => run.on('close', resolve));
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    // npx installs a link on first use.
  }, 120_000);

  it('has a command for each of the four patterns', () => {
    expect(patterns).toHaveLength(4);
  });
});
