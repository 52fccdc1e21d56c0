import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatProgress } from '../../src/cli/progress.js';
import { numberedLines, runLeat, startService, type TestService } from './leat-process.js';
import { makeNamedPipe } from './named-pipe.js';
import { noTerminal, runInTerminal } from './pseudo-terminal.js';

let service: TestService;
let dir: string;
beforeAll(async () => {
  service = await startService();
  dir = await mkdtemp(path.join(tmpdir(), 'leat-terminal-test-'));
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const at = (...args: string[]) => [...args, '--address', service.address];
const escape = '\u001b';
const drawn = `\r${escape}[K`;

if (noTerminal !== undefined) console.warn(`skipped: ${noTerminal}`);
const onTerminal = noTerminal === undefined ? describe : describe.skip;

onTerminal('progress of leat publish', () => {
  it('is a bar where the size is known, and leaves nothing but the result', async () => {
    const file = path.join(dir, 'known');
    await writeFile(file, numberedLines(1_000));
    const { code, screen } = await runInTerminal(at('publish', 'bar', file)).ended;
    expect(code).toBe(0);
    expect(screen).toContain(`${drawn}[....................]   0 %  0 lines  0 B of 8.7 KiB`);
    expect(screen.split(drawn).at(-1)).toBe('published 1000 events to bar, offsets 1 to 1000\r\n');
  });

  it('tells lines, bytes and what is durable while a pipe is open', async () => {
    const pipe = makeNamedPipe(path.join(dir, 'pipe'));
    const run = runInTerminal(at('publish', 'slow', pipe.file));
    const writer = pipe.openWriter();
    writer.write(numberedLines(7));
    await run.until(/7 lines {2}49 B {2}\S+ \S+\/s {2}7 durable/);
    writer.close();
    const { code, screen } = await run.ended;
    expect(code).toBe(0);
    expect(screen).not.toContain('%');
    expect(screen.split(drawn).at(-1)).toBe('published 7 events to slow, offsets 1 to 7\r\n');
  });

  it('is not there with --json, nor where the standard error is a file', async () => {
    const file = path.join(dir, 'quiet');
    await writeFile(file, numberedLines(2));
    const json = await runInTerminal(at('publish', 'quiet', file, '--json')).ended;
    expect(json).toEqual({ code: 0, screen: expect.stringMatching(/^\{.*\}\r\n$/) });
    const errors = path.join(dir, 'errors');
    const piped = await runInTerminal(at('publish', 'quiet', file), { redirections: `2>'${errors}'` }).ended;
    expect(piped.screen).toBe('published 2 events to quiet, offsets 3 to 4\r\n');
    expect(await readFile(errors, 'utf8')).toBe('');
  });
});

onTerminal('colours', () => {
  const failing = ['tail', 'x', '--address', '127.0.0.1:1'];

  it('are there on a terminal: errors, wrong usage, headers of tables', async () => {
    expect((await runInTerminal(failing).ended).screen).toContain(`${escape}[31merror:${escape}[39m cannot reach`);
    expect((await runInTerminal(['nonsense']).ended).screen).toContain(`${escape}[31merror:${escape}[39m unknown`);
    await runLeat(at('publish', 'table'), { input: 'a\n' });
    expect((await runInTerminal(at('topics')).ended).screen).toMatch(/^\S*\[1mTOPIC .*\[22m\r\n[^[]*$/);
  });

  it.each([[{ NO_COLOR: '1' }], [{ NO_COLOR: '1', FORCE_COLOR: '1' }], [{ FORCE_COLOR: '0' }], [{ TERM: 'dumb' }]])(
    'are not there with %j',
    async (env) => {
      for (const args of [failing, at('topics')]) {
        expect((await runInTerminal(args, { env }).ended).screen).not.toContain(escape);
      }
    },
  );
});

describe('without a terminal', () => {
  it('there are colours only if they are forced', async () => {
    const args = ['tail', 'x', '--address', '127.0.0.1:1'];
    expect((await runLeat(args, { env: { NO_COLOR: '', FORCE_COLOR: '' } })).stderr).toMatch(/^error: /);
    expect((await runLeat(args, { env: { NO_COLOR: '', FORCE_COLOR: '1' } })).stderr).toContain(`${escape}[31m`);
  });
});

describe('formatProgress', () => {
  it('tells all there is to tell, and never more than all of a file that grows', () => {
    const sample = { lines: 12_345, bytes: 3 << 20, durableLines: 12_000 };
    expect(formatProgress({ ...sample, totalBytes: 4 << 20 }, 2_000)).toBe(
      '[###############.....]  75 %  12,345 lines  3.0 MiB of 4.0 MiB  1.5 MiB/s  12,000 durable',
    );
    const grown = { ...sample, durableLines: 12_345, totalBytes: 1 << 20 };
    expect(formatProgress(grown, 2_000)).toContain('[####################] 100 %');
    expect(formatProgress({ ...sample, totalBytes: 0 }, 0)).toMatch(/^12,345 lines .* - {2}/);
  });
});
