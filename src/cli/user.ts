import type { Command } from 'commander';
import { addUserChangeCommands } from './user-change.js';
import { addUserReadCommands } from './user-read.js';
import type { Session } from './session.js';

export function addUserCommand(program: Command, session: Session): void {
  const user = program
    .command('user')
    .summary('create, get, update, delete and list users')
    .description('The directory of principals. Every change is an event on the topic "sys/users".')
    .addHelpText('after', '\nFollow the changes:\n  $ leat tail sys/users --follow');
  addUserChangeCommands(user, session);
  addUserReadCommands(user, session);
}
