import type { Command } from 'commander';
import type { DeepPartial, User } from '../../gen/leat/v1/user_service.js';
import { usageError } from './cli-error.js';
import { formatUser } from './format-user.js';
import { collect, parsePair } from './parse-values.js';
import type { GlobalOptions, Session } from './session.js';

interface UserOptions extends GlobalOptions {
  readonly id?: string;
  readonly name?: string;
  readonly email?: string;
  readonly attribute?: Map<string, string>;
  readonly removeAttribute?: string[];
  readonly etag?: string;
  readonly allowMissing?: boolean;
  readonly json?: boolean;
}

/** `leat user create`, `leat user update` and `leat user delete`. */
export function addUserChangeCommands(user: Command, session: Session): void {
  user
    .command('create')
    .description('Adds a user and prints it. With --id a repeated call is harmless.')
    .argument('<name>', 'a name for people')
    .option('--id <id>', 'the id (default: made by the service)')
    .option('--email <email>', 'the email, unique in the directory')
    .option('--attribute <key=value>', 'an attribute; may be repeated', parsePair)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat user create "Ada Lovelace" --id ada --email ada@example.com')
    .action((name: string, _options: unknown, command: Command) =>
      createUser(session, name, command.optsWithGlobals<UserOptions>()),
    );
  user
    .command('update')
    .description('Changes the given fields of a user and prints it.')
    .argument('<id>', 'whom to change')
    .option('--name <name>', 'the new name')
    .option('--email <email>', 'the new email; "" removes it')
    .option('--attribute <key=value>', 'an attribute to set; may be repeated', parsePair)
    .option('--remove-attribute <key>', 'an attribute to remove; may be repeated', collect)
    .option('--etag <etag>', 'change only if this is the current etag')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat user update ada --attribute team=engines --remove-attribute trial')
    .action((id: string, _options: unknown, command: Command) =>
      updateUser(session, id, command.optsWithGlobals<UserOptions>()),
    );
  user
    .command('delete')
    .description('Removes a user.')
    .argument('<id>', 'whom to remove')
    .option('--etag <etag>', 'remove only if this is the current etag')
    .option('--allow-missing', 'a user who is not there is no error')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat user delete ada --allow-missing')
    .action((id: string, _options: unknown, command: Command) =>
      deleteUser(session, id, command.optsWithGlobals<UserOptions>()),
    );
}

async function createUser(session: Session, name: string, options: UserOptions): Promise<void> {
  const { id: userId, email, attribute: attributes } = options;
  const request = { user: { userId, name, email, attributes } };
  const { user } = await session.client(options).users.createUser(request, { signal: session.signal });
  await print(session, user, options);
}

async function updateUser(session: Session, userId: string, options: UserOptions): Promise<void> {
  const { name, email, attribute: attributes, etag } = options;
  const updateMask = updatePaths(options);
  if (updateMask.length === 0) throw usageError('nothing to change; give --name, --email or --attribute');
  const user: DeepPartial<User> = { userId, name, email, attributes, etag };
  const response = await session.client(options).users.updateUser({ user, updateMask }, { signal: session.signal });
  await print(session, response.user, options);
}

/** The fields of the update mask: what was given, even if it is empty. */
export function updatePaths({ name, email, attribute, removeAttribute }: UserOptions): string[] {
  const keys = [...(attribute?.keys() ?? []), ...(removeAttribute ?? [])].map((key) => `attributes.${key}`);
  return [...(name === undefined ? [] : ['name']), ...(email === undefined ? [] : ['email']), ...keys];
}

async function deleteUser(session: Session, userId: string, options: UserOptions): Promise<void> {
  const { etag, allowMissing } = options;
  const request = { userId, etag, allowMissing };
  const { offset } = await session.client(options).users.deleteUser(request, { signal: session.signal });
  const text = offset === 0n ? `there was no user ${userId}` : `deleted ${userId}`;
  await session.output.write(options.json ? `${JSON.stringify({ userId, offset: String(offset) })}\n` : `${text}\n`);
}

async function print(session: Session, user: User | undefined, options: UserOptions): Promise<void> {
  if (user !== undefined) await session.output.write(formatUser(user, options.json), session.signal);
}
