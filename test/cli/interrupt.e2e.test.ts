import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { startSilentServer } from '../support/silent-server.js';
import { startOnSlowDisk } from '../support/slow-disk.js';
import { makeTempDir, type TempDir } from '../support/temp-dir.js';
import { until } from '../support/until.js';
import { numberedLines, runLeat, startService, type TestService } from './leat-process.js';
import { makeNamedPipe } from './named-pipe.js';
import { noTerminal, runInTerminal, type TerminalRun } from './pseudo-terminal.js';

const CTRL_C = '\u0003';
const CLEAR_LINE = '\u001b[K';

let service: TestService;
let dir: TempDir;
let resources: ResourceStack;
let pipes = 0;
beforeAll(async () => {
  service = await startService();
  dir = await makeTempDir();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});
beforeEach(() => void (resources = createResourceStack()));
afterEach(() => resources.dispose());

if (noTerminal !== undefined) console.warn(`skipped: ${noTerminal}`);
const onTerminal = noTerminal === undefined ? describe : describe.skip;

const at = (args: readonly string[], { address }: { readonly address: string } = service) => [
  ...args,
  '--address',
  address,
];
const namedPipe = () => makeNamedPipe(path.join(dir.path, `pipe-${++pipes}`));

async function fileOf(name: string, text: string): Promise<string> {
  await writeFile(path.join(dir.path, name), text);
  return path.join(dir.path, name);
}

/** The lines of a screen that tell how it ended, without colours and what was drawn over. */
async function lastWords({ ended }: TerminalRun) {
  const { code, screen } = await ended;
  const lines = stripVTControlCharacters(screen.replaceAll(CLEAR_LINE, '\r\n')).split(/\r\n|\^C/);
  return { code, said: lines.filter((line) => /^(?:error| {2}|to resume|waiting)/.test(line)) };
}

/** Resolves when the command has had the time to see everything that was sent to it before. */
async function drawnAgain(run: TerminalRun, line: RegExp): Promise<void> {
  await run.until(new RegExp(`(?:${line.source}[^]*){3}`));
}

onTerminal.each([[[]], [['--producer', 'p']]])('Ctrl-C while leat publish %j', (flags) => {
  it('waits for a server that does not answer', async () => {
    const silent = resources.use(await startSilentServer());
    const connected = silent.connected();
    const file = await fileOf('three', numberedLines(3));
    const run = runInTerminal(at(['publish', 'x', file, ...flags], silent));
    await connected;
    run.type(CTRL_C);
    expect(await lastWords(run)).toEqual({
      code: 130,
      said: ['error: interrupted', expect.stringMatching(/^ {2}(?:nothing was published|.*may be durable.* line 1\b)/)],
    });
  });

  it('waits for somebody to open the pipe', async () => {
    const run = runInTerminal(at(['publish', 'unopened', namedPipe().file, ...flags]));
    await run.until(/0 lines {2}0 B/);
    run.type(CTRL_C);
    expect(await lastWords(run)).toEqual({ code: 130, said: ['error: interrupted', '  nothing was published'] });
  });

  it('waits for more lines of a pipe that stays open', async () => {
    const pipe = namedPipe();
    const topic = `open/${pipes}`;
    const run = runInTerminal(at(['publish', topic, pipe.file, ...flags]));
    pipe.openWriter().write(numberedLines(2));
    await run.until(/2 durable/);
    run.type(CTRL_C);
    expect(await lastWords(run)).toEqual({
      code: 130,
      said: ['error: interrupted', '  lines 1 to 2 are durable; go on from line 3'],
    });
    expect((await runLeat(at(['tail', topic]))).stdout).toMatch(/line 1\n.*line 2\n$/);
  });

  it('waits for durability: it goes on waiting, says so, and tells what came of it', async () => {
    const slow = resources.use(await startOnSlowDisk());
    slow.hold();
    const run = runInTerminal(at(['publish', 'slow', await fileOf('five', numberedLines(5)), ...flags], slow));
    await until(() => slow.waiting > 0);
    await drawnAgain(run, /5 lines/);
    run.type(CTRL_C);
    await run.until(/waiting for what was sent to be durable; Ctrl-C again leaves at once/);
    slow.release();
    const { code, said } = await lastWords(run);
    expect(code).toBe(130);
    expect(said.slice(1)).toEqual(['error: interrupted', '  lines 1 to 5 are durable; go on from line 6']);
  });

  it('sends to a server that takes no more, and again while that is waited for: leaves at once', async () => {
    const slow = resources.use(await startOnSlowDisk());
    slow.hold();
    const long = Array.from({ length: 40_000 }, (_none, index) => `${index} ${'x'.repeat(200)}\n`).join('');
    const run = runInTerminal(at(['publish', 'full', await fileOf('long', long), ...flags], slow));
    await until(() => slow.waiting > 1);
    await drawnAgain(run, /lines/);
    run.type(CTRL_C);
    await run.until(/Ctrl-C again/);
    run.type(CTRL_C);
    const { code, screen } = await run.ended;
    expect(code).toBe(130);
    expect(screen).toMatch(/\r\n$/);
  });
});

onTerminal('Ctrl-C while leat tail', () => {
  it('waits for a server that does not answer', async () => {
    const silent = resources.use(await startSilentServer());
    for (const [flags, code] of [
      [[], 130],
      [['--follow'], 0],
    ] as const) {
      const connected = silent.connected();
      const run = runInTerminal(at(['tail', 'x', ...flags], silent));
      await connected;
      run.type(CTRL_C);
      expect(await lastWords(run)).toEqual({ code, said: [] });
    }
  });

  it('prints a topic that takes a while: interrupted, unless it was to be followed for ever', async () => {
    await runLeat(at(['publish', 'long']), { input: numberedLines(100_000) });
    for (const [flags, code] of [
      [[], 130],
      [['--follow'], 0],
    ] as const) {
      const run = runInTerminal(at(['tail', 'long', ...flags]));
      await run.until(/line 1\r\n/);
      run.type(CTRL_C);
      const ended = await run.ended;
      expect(ended.code).toBe(code);
      expect(ended.screen).not.toContain('line 100000\r\n');
    }
  });

  it.each([[[]], [['--checkpoint']]])('waits for what is new, and for its server to come back: %j', async (flags) => {
    const own = resources.use(await startService());
    await runLeat(at(['publish', 'log'], own), { input: numberedLines(2) });
    const place = flags.length > 0 ? [...flags, path.join(dir.path, 'place')] : [];
    const live = runInTerminal(at(['tail', 'log', '--follow', ...place], own));
    await live.until(/line 2\r\n/);
    live.type(CTRL_C);
    const goOn =
      place.length > 0
        ? []
        : [expect.stringMatching(/^to resume: leat tail log --follow --from \S+ --address 127\.0\.0\.1:\d+$/)];
    expect(await lastWords(live)).toEqual({ code: 0, said: goOn });

    await runLeat(at(['publish', 'log'], own), { input: numberedLines(1, 3) });
    const lost = runInTerminal(at(['tail', 'log', '--follow', ...place], own));
    await lost.until(/line 3\r\n/);
    await own.crash();
    await lost.until(/connection lost/);
    lost.type(CTRL_C);
    expect((await lost.ended).code).toBe(0);
    // With a checkpoint the first run kept its place.
    expect((await lost.ended).screen.includes('line 2\r\n')).toBe(place.length === 0);
  });
});
