import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { runCli } from '../../src/cli/run-cli.js';
import { createSession } from '../../src/cli/session.js';
import { startSilentServer } from '../support/silent-server.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { runLeat, startService, type TestService } from './leat-process.js';
import { noTerminal, runShell } from './pseudo-terminal.js';

const run = promisify(execFile);
const bound = { timeout: 30_000, killSignal: 'SIGKILL' } as const;
const interrupt = { signal: new AbortController().signal, release: () => undefined };

let service: TestService;
let dir: TempDir;
let env: Readonly<Record<string, string | undefined>>;

/** Words that a shell finds as it would find an installed program. */
async function installProgram(folder: string): Promise<void> {
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const program = path.join(folder, 'leat');
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  await chmod(program, 0o755);
}

beforeAll(async () => {
  service = await startService();
  dir = await makeTempDir();
  await mkdir(path.join(dir.path, 'bin'));
  await installProgram(path.join(dir.path, 'bin'));
  await writeFile(path.join(dir.path, 'a-file.txt'), 'a\n');
  await runLeat(['publish', 'completed/by-asking', '--address', service.address], { input: 'a\n' });
  const PATH = `${path.join(dir.path, 'bin')}${path.delimiter}${process.env.PATH}`;
  env = { ...process.env, PATH, LEAT_ADDRESS: service.address, NODE_OPTIONS: '' };
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

const terminalOf = () => ({
  stdin: new PassThrough(),
  stdout: new PassThrough({ encoding: 'utf8' }),
  stderr: new PassThrough({ encoding: 'utf8' }),
});

/** What the program offers for the last of the words, without the descriptions. */
async function offered(...words: string[]): Promise<string[]> {
  const terminal = terminalOf();
  expect(await runCli(['complete', '--', ...words], terminal, interrupt)).toBe(0);
  expect(terminal.stderr.read()).toBeNull();
  const lines = String(terminal.stdout.read() ?? '').split('\n');
  return lines.slice(0, -1).map((line) => line.split('\t')[0] ?? '');
}

describe('leat complete', () => {
  it.each([
    [['ta'], ['tail']],
    [['help', 'cu'], ['cursor']],
    [
      ['cursor', ''],
      ['list', 'get', 'set', 'help'],
    ],
    [['--user', 'topics', 'cursor', 'l'], ['list']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['tail', 'x', '--fr'], ['--from']],
    [['tail', 'x', '--addr'], ['--address']],
    [['tail', '--type', '-'], []],
    [['tail', '--', '--fr'], []],
    [
      ['serve', '--log-level', ''],
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    ],
    [['serve', '--log-level=w'], ['--log-level=warn']],
    [['serve', '--no-such-flag=w'], []],
    [['publish', 'x', 'any'], [':files']],
    [['tail', 'x', '--checkpoint', 'any'], [':files']],
    [['user', 'get', ''], []],
    [['no', 'such', 'command', ''], []],
  ])('offers for %j: %j', async (words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });

  it('offers every command and every flag that there is', async () => {
    const program = createProgram(createSession(terminalOf(), interrupt));
    const visit = async (command: Command, words: readonly string[]): Promise<void> => {
      const help = command.createHelp();
      const flags = help.visibleOptions(command).map(({ long }) => long);
      expect(await offered(...words, '-')).toEqual(expect.arrayContaining(flags));
      const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
      if (command.commands.length === 0) return;
      expect(await offered(...words, '')).toEqual(expect.arrayContaining(children.map((child) => child.name())));
      for (const child of children) await visit(child, [...words, child.name()]);
    };
    await visit(program, []);
    expect(program.commands.length).toBeGreaterThan(8);
  });

  it('asks the service for topics and rooms, and offers none if nobody answers', async () => {
    const at = ['--address', service.address];
    expect(await offered(...at, 'tail', 'comp')).toEqual(['completed/by-asking']);
    expect(await offered('tail', `--address=${service.address}`, 'comp')).toEqual(['completed/by-asking']);
    expect(await offered(...at, 'topics', 'none')).toEqual([]);
    await runLeat(['chat', 'lounge', '--address', service.address], { input: 'hello\n' });
    expect(await offered(...at, 'chat', 'lo')).toEqual(['lounge']);
    expect(await offered('--address', '127.0.0.1:1', 'tail', '')).toEqual([]);
    await using silent = await startSilentServer();
    expect(await offered('--address', silent.address, 'tail', '')).toEqual([]);
  });
});

describe('leat completion', () => {
  it('refuses a shell that it does not know', async () => {
    expect(await runLeat(['completion', 'csh'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('bash, zsh'),
    });
  });

  const interactive = noTerminal === undefined ? it : it.skip;
  interactive('completes in bash, as a person types', async () => {
    const bash = runShell('bash --norc --noprofile -i', {
      cwd: dir.path,
      env: { ...env, TERM: 'dumb', HOME: dir.path },
    });
    bash.type('source <(leat completion bash); echo ready\n');
    await bash.until(/\nready/);
    bash.type('leat top\t');
    await bash.until(/leat topics /);
    bash.type('\u0015leat tail comp\t');
    await bash.until(/leat tail completed\/by-asking /);
    bash.type('\u0015leat serve --log-level=de\t');
    await bash.until(/leat serve --log-level=debug /);
    bash.type(`\u0015leat --address ${service.address} tail comp\t`);
    await bash.until(/:\d+ tail completed\/by-asking /);
    bash.type('\u0015leat publish x a-f\t');
    await bash.until(/leat publish x a-file\.txt /);
    bash.type('\u0015leat cursor \t\t');
    await bash.until(/get\s+help\s+list\s+set|list\s+get\s+set\s+help/);
    bash.type('\u0015exit\n');
    expect((await bash.ended).code).toBe(0);
  });

  const inShell = (shell: string) => {
    if (spawnSync(shell, ['-c', 'true'], { stdio: 'ignore' }).status === 0) return it;
    console.warn(`skipped: no ${shell}, so its completion is not tested`);
    return it.skip;
  };
  inShell('zsh')('completes in zsh', async () => {
    const script = `
      autoload -U compinit && compinit -u -D
      source <(leat completion zsh)
      _describe() { print -l -- \${(P)3}; }
      _files() { print files; }
      complete_line() { words=("$@"); CURRENT=$#; _leat; }
      complete_line leat top; complete_line leat tail comp; complete_line leat publish x ''`;
    const { stdout } = await run('zsh', ['-fc', script], { cwd: dir.path, env, ...bound });
    expect(stdout).toMatch(/^topics:list the topics.*\ncompleted\/by-asking:head 1\nfiles\n$/);
  });

  inShell('fish')('completes in fish', async () => {
    const script = `leat completion fish | source
      for line in 'leat top' 'leat tail comp' 'leat publish x a-'; complete -C $line; end`;
    const { stdout } = await run('fish', ['--no-config', '-c', script], { cwd: dir.path, env, ...bound });
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual([
      'topics',
      'completed/by-asking',
      'a-file.txt',
      '',
    ]);
  });
});
