import { TailState } from '../../gen/leat/v1/event.js';
import type { LeatClient } from '../../src/client/connect.js';
import { followEvents } from '../../src/client/follow-events.js';
import { textOf } from './filter-lines.js';
import type { Report } from './report.js';

/** Follows sys/users from where the list of users was read, while users change. */
export async function followUsers(client: LeatClient, report: Report, signal: AbortSignal): Promise<void> {
  report.chapter('live', 'sys/users, followed from the list of users on, while they change');
  const { readOffset } = await client.users.listUsers({}, { signal });
  const start = { position: { $case: 'afterOffset', value: readOffset } } as const;
  const seen: string[] = [];
  let changed: Promise<unknown> | undefined;
  for await (const page of followEvents(client.events, { topic: 'sys/users', start, follow: true }, { signal })) {
    for (const { offset, event } of page.records) {
      seen.push(`${event?.type} ${event?.subject}`);
      report.line(`${String(offset).padStart(7)}  ${event?.type}  ${textOf(event)}`);
    }
    // Only now is it certain that nothing can happen unseen.
    if (page.state === TailState.TAIL_STATE_LIVE) changed ??= changeUsers(client, signal);
    if (seen.length >= 3) break;
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
