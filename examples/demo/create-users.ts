import type { LeatClient } from '../../src/client/index.js';
import type { Report } from './report.js';

/** The people of the demo, in the order of their ids. */
export const people = [
  { userId: 'ada', name: 'Ada Lovelace', email: 'ada@example.com' },
  { userId: 'edsger', name: 'Edsger Dijkstra', email: 'edsger@example.com' },
  { userId: 'grace', name: 'Grace Hopper', email: 'grace@example.com' },
];

/** Creates users, and creates one of them a second time. */
export async function createUsers({ users }: LeatClient, report: Report, signal: AbortSignal): Promise<void> {
  const names = people.map(({ name }) => name).join(', ');
  report.chapter('users', `${names}: each is a row, and an event on sys/users, in one transaction`);
  for (const user of people) await users.createUser({ user }, { signal });
  const again = await users.createUser({ user: people[0] }, { signal });
  report.check(again.duplicate, 'creating Ada a second time is harmless');
  const page = await users.listUsers({}, { signal });
  const ids = page.users.map(({ userId }) => userId).join();
  report.check(
    ids === 'ada,edsger,grace' && page.readOffset === 3n,
    'the directory has three users and the log three events',
  );
}
