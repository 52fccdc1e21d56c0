import fc from 'fast-check';
import { sequenceOf } from './model.js';
import type { ModelBlob, ModelChange, ModelEvent, ModelTopic, ModelUpload, ModelUser } from './model.js';

/** A change that is made up when it is its turn, so that most of them fit what is there. */
export type Draft = (
  topicOf: (name: string) => ModelTopic | undefined,
  users: ReadonlyMap<string, ModelUser>,
  files: { readonly uploads: ReadonlyMap<string, ModelUpload>; readonly blobs: ReadonlyMap<string, ModelBlob> },
) => ModelChange;

/** Units that are written at once, and how to look at the result. */
export interface Step {
  readonly units: readonly (readonly Draft[])[];
  readonly look: { readonly skip: number; readonly limit?: number; readonly last?: number };
}

/** Few names, ids and contents, so that they meet again; some events larger than half a page, and than a page. */
const event: fc.Arbitrary<ModelEvent> = fc.record({
  id: fc.constantFrom('', '', '', 'i1', 'i2', 'i3'),
  type: fc.constantFrom('a', 'b'),
  content: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('x', 'y') },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(20_000), 'y'.repeat(40_000), 'z'.repeat(70_000)) },
  ),
});
const events = fc.array(event, { minLength: 1, maxLength: 5 });
const author = fc.constantFrom('ada', 'ada', 'bob');
/** Beside where it would fit. */
const off = fc.constantFrom(0, 0, 0, -1, 1, -2);

function headOf(topic: ModelTopic | undefined): number {
  return topic?.events.length ?? 0;
}

function append(topics: readonly string[]): fc.Arbitrary<Draft> {
  const fields = fc.record({
    topic: fc.constantFrom(...topics),
    author,
    events,
    condition: fc.option(off, { freq: 2, nil: undefined }),
  });
  return fields.map(({ condition, ...change }) => (topicOf) => ({
    kind: 'append-events',
    ...change,
    expectedLastOffset: condition === undefined ? undefined : Math.max(0, headOf(topicOf(change.topic)) + condition),
  }));
}

function produce(topics: readonly string[], producers: readonly string[]): fc.Arbitrary<Draft> {
  const fields = fc.record({
    topic: fc.constantFrom(...topics),
    author,
    events,
    producerId: fc.constantFrom(...producers),
    back: fc.constantFrom(0, 0, 0, 1, 2, 3, 5, -1),
    resent: fc.boolean(),
    condition: fc.option(off, { freq: 5, nil: undefined }),
  });
  return fields.map(({ topic: name, author: by, events: made, producerId, back, resent, condition }) => (topicOf) => {
    const topic = topicOf(name);
    const offsets = topic ? sequenceOf(topic, producerId) : [];
    const firstSequence = Math.max(1, offsets.length + 1 - back);
    const sent = made.map((each, index) => {
      const before = topic?.events[(offsets[firstSequence - 1 + index] ?? 0) - 1];
      return resent && before ? { id: before.id, type: before.type, content: before.content } : each;
    });
    return {
      kind: 'append-events',
      topic: name,
      author: by,
      events: sent,
      producer: { producerId, firstSequence },
      expectedLastOffset: condition === undefined ? undefined : Math.max(0, headOf(topic) + condition),
    };
  });
}

function changeUser(users: readonly string[], emails: readonly string[]): fc.Arbitrary<Draft> {
  const fields = fc.record({
    kind: fc.constantFrom('put-user' as const, 'put-user' as const, 'remove-user' as const),
    userId: fc.constantFrom(...users),
    emailKey: fc.constantFrom(undefined, ...emails),
    stale: fc.constantFrom(0, 0, 0, 0, 1),
    content: fc.constantFrom('x', 'y', 'z'),
  });
  return fields.map(({ kind, userId, emailKey, stale, content }) => (_topicOf, current) => {
    const revision = current.get(userId)?.revision ?? 0;
    const announced = { topic: 'log', author: 'service', event: { id: '', type: 'b', content } };
    // There is nothing to remove of a user who is not there.
    if (kind === 'put-user' || revision === 0) {
      return { kind: 'put-user', userId, emailKey, expectedRevision: revision + stale, ...announced };
    }
    return { kind, userId, expectedRevision: revision + stale, ...announced };
  });
}

function changeFile(files: readonly string[]): fc.Arbitrary<Draft> {
  const fields = fc.record({
    kind: fc.constantFrom('start-upload', 'start-upload', 'advance-upload', 'complete-upload', 'remove-upload'),
    id: fc.constantFrom(...files),
    author,
    stale: fc.constantFrom(0, 0, 0, 0, 1),
    size: fc.nat(100),
    content: fc.constantFrom('x', 'y', 'z'),
  });
  return fields.map(({ kind, id, author: by, stale, size, content }) => (_topicOf, _users, { uploads, blobs }) => {
    const announced = { topic: 'log', author: 'service', event: { id: '', type: 'b', content } };
    const epoch = (uploads.get(id)?.epoch ?? 0) + stale;
    const revision = blobs.get(id)?.revision;
    if (revision !== undefined && kind !== 'start-upload') {
      return { kind: 'remove-blob', blobId: id, expectedRevision: revision + stale, ...announced };
    }
    switch (kind) {
      case 'advance-upload':
        return { kind, uploadId: id, epoch, committedSize: size };
      case 'complete-upload':
        return { kind, uploadId: id, epoch, size, ...announced };
      case 'remove-upload':
        return { kind, uploadId: id, epoch };
      default:
        return { kind: 'start-upload', uploadId: id, expectedEpoch: epoch, author: by, maxOpen: 2 };
    }
  });
}

function moveCursor(topics: readonly string[]): fc.Arbitrary<Draft> {
  const fields = fc.record({
    topic: fc.constantFrom(...topics),
    cursor: fc.constantFrom('c', 'd'),
    back: fc.integer({ min: -1, max: 4 }),
    rewind: fc.boolean(),
  });
  return fields.map(({ topic, cursor, back, rewind }) => (topicOf) => {
    const offset = Math.max(0, headOf(topicOf(topic)) - back);
    return { kind: 'commit-cursor', topic, cursor, offset, rewind };
  });
}

function administer(topics: readonly string[]): fc.Arbitrary<Draft> {
  const topic = fc.constantFrom(...topics);
  return fc.oneof(
    fc.record({ topic, back: fc.integer({ min: -1, max: 8 }) }).map(({ topic: name, back }): Draft => {
      return (topicOf) => ({
        kind: 'trim-topic',
        topic: name,
        firstOffset: Math.max(1, headOf(topicOf(name)) + 1 - back),
      });
    }),
    topic.map((name): Draft => () => ({ kind: 'delete-topic', topic: name })),
    topic.map((name): Draft => () => ({ kind: 'set-retention', topic: name, maxEvents: 1_000_000 })),
  );
}

export function step(
  topics: readonly string[],
  producers: readonly string[],
  users: readonly string[],
  emails: readonly string[],
  files: readonly string[],
): fc.Arbitrary<Step> {
  const draft = fc.oneof(
    { weight: 6, arbitrary: append(topics) },
    { weight: 6, arbitrary: produce(topics, producers) },
    { weight: 4, arbitrary: changeUser(users, emails) },
    { weight: 4, arbitrary: changeFile(files) },
    { weight: 2, arbitrary: moveCursor(topics) },
    { weight: 2, arbitrary: administer(topics) },
  );
  // Units of one change are frequent, so that many succeed.
  const unit = fc.oneof(fc.tuple(draft), fc.array(draft, { minLength: 1, maxLength: 4 }));
  return fc.record({
    units: fc.array(unit, { minLength: 1, maxLength: 6 }),
    look: fc.record({
      skip: fc.nat(6),
      limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      last: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    }),
  });
}
