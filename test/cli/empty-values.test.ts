import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { PassThrough } from 'node:stream';
import { createProgram } from '../../src/cli/program.js';
import { emptyOptions } from '../../src/cli/refuse-empty.js';
import { runCli } from '../../src/cli/run-cli.js';
import { createSession, type Terminal } from '../../src/cli/session.js';
import { startLeat, type LeatServer } from '../support/leat-server.js';
import { runLeat } from './leat-process.js';

function createTerminal() {
  const stream = () => new PassThrough({ encoding: 'utf8' });
  return { stdin: stream().end(), stdout: stream(), stderr: stream() } satisfies Terminal;
}

const interrupt = { signal: new AbortController().signal, release: () => undefined };

/** Every command that does something, by the words that call it. */
function commandsOf(command: Command, words: readonly string[] = []): { words: readonly string[]; command: Command }[] {
  if (command.commands.length === 0) return [{ words, command }];
  return command.commands.flatMap((sub) => commandsOf(sub, [...words, sub.name()]));
}

const program = createProgram(createSession(createTerminal(), interrupt));
const commands = commandsOf(program);
const takesValue = ({ required, optional }: { required: boolean; optional: boolean }) => required || optional;

const options = commands.flatMap(({ words, command }) =>
  [...command.options, ...program.options].filter(takesValue).map(({ long }) => ({ words, long: long ?? '', command })),
);
const isLegal = (words: readonly string[], long: string) => emptyOptions.has(['leat', ...words, long].join(' '));

let server: LeatServer;
beforeAll(async () => void (server = await startLeat()));
afterAll(() => server[Symbol.asyncDispose]());

async function run(...args: string[]) {
  const terminal = createTerminal();
  const code = await runCli(args, terminal, interrupt);
  return { code, stdout: terminal.stdout.read() as string | null, stderr: String(terminal.stderr.read()) };
}

describe('an empty value on the command line', () => {
  it('is tried of every option that takes one', () => {
    expect(options.length).toBeGreaterThan(60);
    const known = options.map(({ words, long }) => ['leat', ...words, long].join(' '));
    for (const name of emptyOptions.keys()) expect(known).toContain(name);
    for (const named of ['--etag', '--id', '--checkpoint', '--cursor', '--producer', '--output', '--data-dir']) {
      expect(known.some((name) => name.endsWith(named))).toBe(true);
    }
  });

  it.each(options.filter(({ words, long }) => !isLegal(words, long)))(
    'is refused: $words $long ""',
    async ({ words, long, command }) => {
      const filled = command.registeredArguments.filter(({ required }) => required).map(() => '1');
      for (const given of [[long, ''], [`${long}=`]]) {
        const { code, stdout, stderr } = await run(...words, ...filled, ...given);
        expect({ code, stdout }).toEqual({ code: 2, stdout: null });
        expect(stderr).toMatch(/^error: /);
        expect(stderr).toContain(long);
      }
    },
  );

  it('is refused of every argument', async () => {
    for (const { words, command } of commands.filter(({ words }) => words[0] !== 'complete')) {
      for (const [index, argument] of command.registeredArguments.entries()) {
        const given = command.registeredArguments.map((_argument, at) => (at === index ? '' : '1'));
        const { code, stderr } = await run(...words, ...given);
        expect({ words, argument: argument.name(), code }).toEqual({ words, argument: argument.name(), code: 2 });
        expect(stderr).toMatch(/^error: /);
        expect(stderr).toContain(argument.name());
      }
    }
  });

  it('means something where it is allowed', async () => {
    const address = ['--address', `127.0.0.1:${server.grpcPort}`];
    await run('user', 'create', 'Ada', '--id', 'ada', '--email', 'ada@example.com', ...address);
    expect(await run('user', 'update', 'ada', '--email', '', ...address)).toMatchObject({ code: 0 });
    expect((await server.users.getUser({ key: { $case: 'userId', value: 'ada' } })).user?.email).toBe('');
  });
});

describe('an empty variable of the environment', () => {
  it.each(program.options.flatMap(({ envVar }) => envVar ?? []))('is refused, and named: %s', async (name) => {
    const { code, stdout, stderr } = await runLeat(['topics'], { env: { [name]: '' } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(name);
  });
});
