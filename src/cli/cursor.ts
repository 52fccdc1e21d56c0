import type { Command } from 'commander';
import type { Cursor } from '../../gen/leat/v1/event_service.js';
import { CliError, exitCodes } from './cli-error.js';
import { cursorFields } from './cursor-fields.js';
import { escapeJson, escapeText } from './escape-text.js';
import { formatTable, tableStyle } from './format-table.js';
import { parseCount, parseName } from './parse-values.js';
import type { GlobalOptions, Session } from './session.js';

interface CursorOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly rewind?: boolean;
}

/** `leat cursor list`, `get` and `set`. */
export function addCursorCommand(program: Command, session: Session): void {
  const cursor = program
    .command('cursor')
    .summary('list, get and set named readers of a topic')
    .description('A cursor says how far a named reader of a topic has come; "leat tail --cursor" moves it.');
  cursor
    .command('list')
    .description('Lists the cursors of TOPIC: where each stands, how far behind the head, since when.')
    .argument('<topic>', 'for example "orders/eu"')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExamples:\n  $ leat cursor list orders\n  $ leat cursor list orders --json | jq -r .lag')
    .action((topic: string, _options: unknown, command: Command) =>
      list(session, topic, undefined, optionsOf(command)),
    );
  cursor
    .command('get')
    .description('Prints one cursor of TOPIC.')
    .argument('<topic>', 'for example "orders/eu"')
    .argument('<name>', 'the reader', parseName)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat cursor get orders billing --json')
    .action((topic: string, name: string, _options: unknown, command: Command) =>
      list(session, topic, name, optionsOf(command)),
    );
  cursor
    .command('set')
    .description('Says that the reader NAME has done everything up to and including OFFSET; 0 is nothing.')
    .argument('<topic>', 'for example "orders/eu"')
    .argument('<name>', 'the reader', parseName)
    .argument('<offset>', 'the last offset that is done', parseCount)
    .option('--rewind', 'the cursor may move back; without it that is refused')
    .addHelpText(
      'after',
      '\nExamples:\n  $ leat cursor set orders billing 41\n  $ leat cursor set orders billing 0 --rewind',
    )
    .action((topic: string, name: string, offset: bigint, _options: unknown, command: Command) =>
      set(session, topic, name, offset, optionsOf(command)),
    );
}

const optionsOf = (command: Command) => command.optsWithGlobals<CursorOptions>();

/** All cursors of the topic, or the one that is named. */
async function list(session: Session, topic: string, name: string | undefined, options: CursorOptions): Promise<void> {
  const { signal, output } = session;
  const { topic: described, cursors } = await session.client(options).events.getTopic({ topic }, { signal });
  const chosen = name === undefined ? cursors : cursors.filter(({ cursor }) => cursor === name);
  if (name !== undefined && chosen.length === 0) {
    throw new CliError(`topic "${topic}" has no cursor "${name}"`, exitCodes.notFound);
  }
  const fields = chosen.map((cursor: Cursor) => cursorFields(cursor, described?.headOffset ?? 0n));
  const rows = fields.map(({ cursor = '', offset = '', lag = '', commitTime = '' }) => [
    cursor,
    offset,
    lag,
    commitTime,
  ]);
  const text = options.json
    ? fields.map((line) => `${escapeJson(JSON.stringify(line))}\n`).join('')
    : formatTable(['CURSOR', 'OFFSET', 'LAG', 'COMMITTED'], rows, tableStyle(session));
  await output.write(text, signal);
}

async function set(session: Session, topic: string, name: string, offset: bigint, options: CursorOptions) {
  const { events } = session.client(options);
  const request = { topic, cursor: name, offset, rewind: options.rewind ?? false };
  const stored = await events.commitCursor(request, { signal: session.signal });
  if (stored.offset !== offset) {
    throw new CliError(
      `cursor "${name}" stands at ${stored.offset} already; --rewind moves it back`,
      exitCodes.conflict,
    );
  }
  const lag = stored.headOffset - stored.offset;
  await session.output.write(`cursor ${escapeText(name)} of ${topic} is at ${offset}, ${lag} behind the head\n`);
}
