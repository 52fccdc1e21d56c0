import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDomainError } from '../../src/domain/errors.js';
import type { Change, ReadOptions, Store } from '../../src/store/store.js';
import { inForm } from '../support/long-form.js';
import { matchType, readAll, recordsOf, runOf, textOf, timeMsOf } from './events.js';
import { ModelStore, sequenceOf } from './model.js';
import type { ModelChange, ModelEvent, ModelFileChange, ModelOutcome, ModelTopic } from './model.js';
import { sharedStore } from './opened.js';
import type { OpenStore, Subject } from './opened.js';
import { step } from './property-input.js';
import type { Draft, Step } from './property-input.js';

/** Sequences of units that are compared with the model. */
const RUNS = inForm(50, 150);

const topics = ['t1', 't2', 'log'];
const producers = ['p', 'q'];
const users = ['u1', 'u2', 'u3'];
const emails = ['e1', 'e2'];
const files = ['f1', 'f2', 'f3'];

export function propertySuite(open: OpenStore): void {
  describe('random units', () => {
    const subject = sharedStore(open);

    it('are answered, and leave the store, as the model in memory says', async () => {
      const property = fc.asyncProperty(
        fc.array(step(topics, producers, users, emails, files), { maxLength: 12 }),
        (steps) => new Comparison(subject).run(steps),
      );
      await fc.assert(property, { numRuns: RUNS });
    });
  });
}

/** One run: the same units to the store and to the model. Names of its own keep it apart from the other runs. */
class Comparison {
  readonly #model = new ModelStore();
  readonly #own: string;
  readonly #store: Store;
  #files = 0;

  constructor(subject: Subject) {
    this.#own = `${subject.fresh('run')}/`;
    this.#store = subject.store;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const { units, look } of steps) {
      // All units of a step are under way at once, and commit in the order of the calls.
      const answers = units.map((drafts) => this.#write(drafts));
      for (const { expected, answer } of answers) expect(await answer).toMatchObject(expected);
      for (const topic of topics) await this.#compareTopic(topic, look);
      await this.#compareUsers();
      await this.#compareFiles();
    }
  }

  #write(drafts: readonly Draft[]): { expected: ModelOutcome; answer: Promise<object> } {
    const changes = drafts.map((draft) =>
      draft((topic) => this.#model.state.topics.get(topic), this.#model.state.users, this.#model.state),
    );
    const expected = this.#model.write(changes);
    return { expected, answer: outcomeOf(this.#store.write(changes.map((change) => this.#toChange(change)))) };
  }

  #toChange(change: ModelChange): Change {
    if (!('topic' in change)) return this.#toUploadChange(change);
    const topic = this.#own + change.topic;
    switch (change.kind) {
      case 'complete-upload':
        return {
          ...change,
          topic,
          uploadId: this.#own + change.uploadId,
          record: Buffer.from(change.event.content),
          checksums: Buffer.from(change.event.content),
          event: runOf(toFields(change.event)),
        };
      case 'remove-blob':
        return { ...change, topic, blobId: this.#own + change.blobId, event: runOf(toFields(change.event)) };
      case 'append-events':
        return { ...change, topic, events: runOf(...change.events.map(toFields)) };
      case 'put-user':
        return {
          ...change,
          topic,
          userId: this.#own + change.userId,
          emailKey: change.emailKey && this.#own + change.emailKey,
          record: Buffer.from(change.event.content),
          createDigest: Buffer.from('digest'),
          event: runOf(toFields(change.event)),
        };
      case 'remove-user':
        return { ...change, topic, userId: this.#own + change.userId, event: runOf(toFields(change.event)) };
      default:
        return { ...change, topic };
    }
  }

  #toUploadChange(change: Exclude<ModelFileChange, { topic: string }>): Change {
    const uploadId = this.#own + change.uploadId;
    switch (change.kind) {
      case 'start-upload': {
        // Authors are counted: each run has its own.
        const author = this.#own + change.author;
        const fileId = `${uploadId}-${(this.#files += 1)}`;
        return { ...change, uploadId, author, fileId, record: Buffer.from(fileId), expireTimeMs: 0 };
      }
      case 'advance-upload':
        return { ...change, uploadId, expireTimeMs: 0 };
      case 'remove-upload':
        return { ...change, uploadId };
    }
  }

  async #compareFiles(): Promise<void> {
    const { uploads, blobs } = this.#model.state;
    for (const name of files) {
      const id = this.#own + name;
      const [upload, blob] = [await this.#store.upload(id), await this.#store.blob(id)];
      const expected = uploads.get(name);
      expect(upload && [upload.epoch, upload.committedSize]).toEqual(
        expected && [expected.epoch, expected.committedSize],
      );
      const made = blobs.get(name);
      expect(blob && [blob.size, blob.revision]).toEqual(made && [made.size, made.revision]);
      const owned = upload ?? blob;
      if (!owned) continue;
      const size = upload?.committedSize ?? blob?.size;
      expect(await this.#store.fileOwner(owned.fileId)).toEqual({ kind: upload ? 'upload' : 'blob', size });
    }
  }

  async #compareTopic(name: string, look: Step['look']): Promise<void> {
    const topic = this.#own + name;
    const model = this.#model.state.topics.get(name);
    const info = await this.#store.topic(topic);
    if (!model || model.deleted) expect(info).toBeUndefined();
    else expect(info).toMatchObject({ firstOffset: model.first, headOffset: model.events.length });
    const cursors = (await this.#store.listCursors(topic)).map(({ cursor, offset }) => [cursor, offset]);
    expect(cursors).toEqual([...(model?.cursors ?? [])].sort());
    for (const producer of producers) {
      const offsets = model ? sequenceOf(model, producer) : [];
      const known = offsets.length > 0 ? { lastSequence: offsets.length, lastOffset: offsets.at(-1) } : undefined;
      expect(await this.#store.producer(topic, producer)).toEqual(known);
    }
    if (model) await this.#compareEvents(topic, model, look);
  }

  async #compareEvents(topic: string, model: ModelTopic, look: Step['look']): Promise<void> {
    const { records, pages } = await readAll(this.#store, topic, model.first - 1);
    expect(
      records.map((record) => [Number(record.offset), record.author, record.event?.id, textOf(record.event)]),
    ).toEqual(model.events.map(({ author, id, content }, i) => [i + 1, author, id, content]).slice(model.first - 1));
    const times = records.map(timeMsOf);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const page of pages) {
      expect(recordsOf(page)).toHaveLength(page.count);
      expect(page.bytes.length <= 64 * 1024 || page.count === 1).toBe(true);
    }

    const after = Math.min(model.first - 1 + look.skip, model.events.length);
    const last = look.last === undefined ? undefined : after + look.last;
    const bounds = { limit: look.limit, last };
    const within = model.events.map((_, i) => i + 1).filter((offset) => offset > after && offset <= (last ?? Infinity));
    expect(await this.#offsets(topic, after, bounds)).toEqual(within);
    const wanted = within.filter((offset) => model.events[offset - 1]?.type === 'b');
    expect(await this.#offsets(topic, after, { ...bounds, matcher: matchType('b') })).toEqual(wanted);
  }

  async #offsets(topic: string, after: number, options: ReadOptions): Promise<number[]> {
    return (await readAll(this.#store, topic, after, options)).records.map(({ offset }) => Number(offset));
  }

  async #compareUsers(): Promise<void> {
    for (const name of users) {
      const model = this.#model.state.users.get(name);
      const stored = await this.#store.user(this.#own + name);
      expect(stored?.revision).toBe(model?.revision);
      const event = this.#model.state.topics.get('log')?.events[(model?.revision ?? 0) - 1];
      expect(stored && Buffer.from(stored.record).toString()).toBe(event?.content);
    }
    for (const email of emails) {
      const owner = [...this.#model.state.users].find(([, user]) => user.emailKey === email);
      expect((await this.#store.userByEmail(this.#own + email))?.userId).toBe(owner && this.#own + owner[0]);
    }
  }
}

function toFields({ id, type, content }: ModelEvent) {
  return { id, type, payload: { $case: 'text' as const, value: content } };
}

async function outcomeOf(writing: Promise<readonly object[]>): Promise<object> {
  try {
    return { results: await writing };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { refused: `${error.kind} ${error.reason}` };
  }
}
