import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc';
import type { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import type { DeepPartial } from '../../gen/leat/v1/user_service.js';
import { failureOf } from '../support/failed-call.js';
import { type LeatServer, startLeat } from '../support/leat-server.js';
import { createResourceStack, type ResourceStack } from '../support/resource-stack.js';
import { chunkFrames, finishFrame, sendFrames, startFrame } from '../support/uploads.js';

let resources: ResourceStack;
let leat: LeatServer;
/** Another store, as after a restore from a backup with a new epoch. */
let restored: LeatServer;
beforeAll(async () => {
  resources = createResourceStack();
  [leat, restored] = [resources.use(await startLeat()), resources.use(await startLeat())];
});
afterAll(() => resources.dispose());

async function subjectsAfter({ events }: LeatServer, topic: string, resumeToken: string): Promise<string[]> {
  const request: DeepPartial<ListEventsRequest> = {
    topic,
    start: { position: { $case: 'resumeToken', value: resumeToken } },
  };
  const subjects: string[] = [];
  for await (const { records } of events.listEvents(request)) {
    subjects.push(...records.map(({ event }) => event?.subject ?? ''));
  }
  return subjects;
}

async function makeBlob(server: LeatServer, id: string): Promise<void> {
  const content = Buffer.from(id);
  await sendFrames(server, [startFrame(id), ...chunkFrames(content), finishFrame(content)]);
}

const changed = { code: Status.FAILED_PRECONDITION, reason: 'EPOCH_CHANGED' };

describe('the resume token of a list', () => {
  it('leads to the changes of users that come after it, in the same store only', async () => {
    await leat.users.createUser({ user: { userId: 'before', name: 'B' } });
    const { resumeToken } = await leat.users.listUsers({});
    for (const { users } of [leat, restored]) await users.createUser({ user: { userId: 'after', name: 'A' } });
    expect(await subjectsAfter(leat, 'sys/users', resumeToken)).toEqual(['after']);
    expect(await failureOf(subjectsAfter(restored, 'sys/users', resumeToken))).toMatchObject(changed);
  });

  it('leads to the blobs that come after it, in the same store only', async () => {
    await makeBlob(leat, 'before');
    const { resumeToken } = await leat.blobs.listBlobs({});
    for (const server of [leat, restored]) await makeBlob(server, 'after');
    expect(await subjectsAfter(leat, 'sys/blobs', resumeToken)).toEqual(['after']);
    expect(await failureOf(subjectsAfter(restored, 'sys/blobs', resumeToken))).toMatchObject(changed);
  });
});

describe('TrimTopic with a resume token', () => {
  it('trims the store that the token is from, and no other', async () => {
    const publish = ({ events }: LeatServer) => events.publishEvent({ topic: 'orders', event: { type: 't' } });
    for (const server of [leat, restored]) for (let event = 0; event < 3; event++) await publish(server);
    let resumeToken = '';
    for await (const page of leat.events.listEvents({ topic: 'orders', limit: 1n })) ({ resumeToken } = page);
    const trim = { topic: 'orders', beforeOffset: 3n, resumeToken };
    expect(await failureOf(restored.events.trimTopic(trim))).toMatchObject(changed);
    expect((await restored.events.getTopic({ topic: 'orders' })).topic?.firstOffset).toBe(1n);
    expect(await leat.events.trimTopic(trim)).toMatchObject({ firstOffset: 3n });
    expect(await failureOf(leat.events.trimTopic({ ...trim, resumeToken: '' }))).toMatchObject({
      reason: 'INVALID_FIELD',
    });
    expect(await failureOf(leat.events.trimTopic({ ...trim, topic: 'others' }))).toMatchObject({
      reason: 'TOKEN_MISMATCH',
    });
  });
});
