import type { Command } from 'commander';
import type { User, UserServiceClient } from '../../gen/leat/v1/user_service.js';
import { usageError } from './cli-error.js';
import { formatTable, tableStyle, type TableOptions } from './format-table.js';
import { formatUser } from './format-user.js';
import type { GlobalOptions, Session } from './session.js';

interface ReadOptions extends GlobalOptions {
  readonly email?: string;
  readonly json?: boolean;
}

/** `leat user get` and `leat user list`. */
export function addUserReadCommands(user: Command, session: Session): void {
  user
    .command('get')
    .description('Prints one user, found by id or by email.')
    .argument('[id]', 'whom to find')
    .option('--email <email>', 'find by email instead, whatever the case of its letters')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ leat user get ada\n  $ leat user get --email ada@example.com --json')
    .action((id: string | undefined, _options: unknown, command: Command) =>
      getUser(session, id, command.optsWithGlobals<ReadOptions>()),
    );
  user
    .command('list')
    .description('Lists the users in the order of their ids.')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExamples:\n  $ leat user list\n  $ leat user list --json | jq -r .email')
    .action((_options: unknown, command: Command) => listUsers(session, command.optsWithGlobals<ReadOptions>()));
}

async function getUser(session: Session, id: string | undefined, options: ReadOptions): Promise<void> {
  const { email, json } = options;
  if ((id === undefined) === (email === undefined)) throw usageError('give either an id or --email');
  const key =
    email === undefined ? ({ $case: 'userId', value: id } as const) : ({ $case: 'email', value: email } as const);
  const { user } = await session.client(options).users.getUser({ key }, { signal: session.signal });
  if (user !== undefined) await session.output.write(formatUser(user, json), session.signal);
}

async function listUsers(session: Session, options: ReadOptions): Promise<void> {
  let first = true;
  for await (const users of pages(session.client(options).users, session.signal)) {
    const text = options.json
      ? users.map((user) => formatUser(user, true)).join('')
      : formatPage(users, tableStyle(session, first));
    await session.output.write(text, session.signal);
    first = false;
  }
}

async function* pages(service: UserServiceClient, signal: AbortSignal) {
  let pageToken = '';
  do {
    const page = await service.listUsers({ pageToken }, { signal });
    pageToken = page.nextPageToken;
    yield page.users;
  } while (pageToken !== '');
}

function formatPage(users: readonly User[], style: TableOptions): string {
  const rows = users.map(({ userId, name, email, etag }) => [userId, name, email || '-', etag ?? '']);
  return formatTable(['ID', 'NAME', 'EMAIL', 'ETAG'], rows, style);
}
