import type { FollowStatus, LeatClient } from '../../src/client/index.js';
import { textOf } from './filter-lines.js';
import type { Report } from './report.js';

/** Follows sys/users from where the list of users was read, while users change. */
export async function followUsers(client: LeatClient, report: Report, signal: AbortSignal): Promise<void> {
  report.chapter('live', 'sys/users, followed from the list of users on, while they change');
  const { resumeToken } = await client.users.listUsers({}, { signal });
  const seen: string[] = [];
  let changed: Promise<unknown> | undefined;
  // From then on it is certain that nothing happens unseen.
  const onState = ({ state }: FollowStatus) => void (state === 'live' && (changed ??= changeUsers(client, signal)));
  const options = { start: { resumeToken }, limit: 3, onState, signal };
  for await (const { offset, event } of client.follow('sys/users', options)) {
    seen.push(`${event.type} ${event.subject}`);
    report.line(`${String(offset).padStart(7)}  ${event.type}  ${textOf(event)}`);
  }
  await changed;
  const expected = ['user.updated ada', 'user.created linus', 'user.deleted edsger'];
  report.check(seen.join() === expected.join(), 'each change was seen once, in the order in which it happened');
}

async function changeUsers({ users }: LeatClient, signal: AbortSignal): Promise<void> {
  const ada = { userId: 'ada', attributes: new Map([['engine', 'analytical']]) };
  await users.updateUser({ user: ada, updateMask: ['attributes.engine'] }, { signal });
  await users.createUser({ user: { userId: 'linus', name: 'Linus Torvalds' } }, { signal });
  await users.deleteUser({ userId: 'edsger' }, { signal });
}
