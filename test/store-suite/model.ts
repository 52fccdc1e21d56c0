import type { AdvanceUpload, CompleteUpload, RemoveBlob, RemoveUpload, StartUpload } from '../../src/store/files.js';
import type {
  AppendEvents,
  CommitCursor,
  DeleteTopic,
  PutUser,
  RemoveUser,
  SetRetention,
  TrimTopic,
} from '../../src/store/store.js';

/** An event as the model sees it; `content` stands for all that is compared. */
export interface ModelEvent {
  readonly id: string;
  readonly type: string;
  readonly content: string;
}

/** A change whose events are still in plain form. */
export type ModelChange =
  | (Omit<AppendEvents, 'events'> & { readonly events: readonly ModelEvent[] })
  | (Pick<PutUser, 'kind' | 'userId' | 'emailKey' | 'expectedRevision'> & Announcement)
  | (Pick<RemoveUser, 'kind' | 'userId' | 'expectedRevision'> & Announcement)
  | CommitCursor
  | SetRetention
  | TrimTopic
  | DeleteTopic
  | ModelFileChange;

export type ModelFileChange =
  | Pick<StartUpload, 'kind' | 'uploadId' | 'expectedEpoch' | 'author' | 'maxOpen'>
  | Pick<AdvanceUpload, 'kind' | 'uploadId' | 'epoch' | 'committedSize'>
  | (Pick<CompleteUpload, 'kind' | 'uploadId' | 'epoch' | 'size'> & Announcement)
  | RemoveUpload
  | (Pick<RemoveBlob, 'kind' | 'blobId' | 'expectedRevision'> & Announcement);

interface Announcement {
  readonly topic: string;
  readonly author: string;
  readonly event: ModelEvent;
}

export interface ModelTopic {
  first: number;
  deleted: boolean;
  /** All events ever, trimmed ones too; the one at offset n is at n - 1. */
  readonly events: (ModelEvent & { readonly author: string; readonly bySequence: boolean })[];
  readonly cursors: Map<string, number>;
  /** The offsets of each producer's sequence numbers, from 1. */
  readonly producers: Map<string, number[]>;
}

export interface ModelUser {
  emailKey: string | undefined;
  revision: number;
}

export interface ModelUpload {
  readonly author: string;
  epoch: number;
  committedSize: number;
}

export interface ModelBlob {
  readonly size: number;
  readonly revision: number;
}

interface State {
  readonly topics: Map<string, ModelTopic>;
  readonly users: Map<string, ModelUser>;
  readonly uploads: Map<string, ModelUpload>;
  readonly blobs: Map<string, ModelBlob>;
}

/** Thrown when a change is refused: the error as `kind REASON`. */
class Refused extends Error {}

/** The outcome of a unit: what the store must answer, without times; or how it is refused. */
export type ModelOutcome = { readonly results: readonly object[] } | { readonly refused: string };

/** The store's promises in memory, in the plainest way: every look-up is a search over everything. */
export class ModelStore {
  state: State = { topics: new Map(), users: new Map(), uploads: new Map(), blobs: new Map() };

  write(changes: readonly ModelChange[]): ModelOutcome {
    const before = structuredClone(this.state);
    try {
      return { results: changes.map((change) => this.#apply(change)) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.state = before;
      return { refused: error.message };
    }
  }

  head(topic: string): number {
    return this.state.topics.get(topic)?.events.length ?? 0;
  }

  #apply(change: ModelChange): object {
    switch (change.kind) {
      case 'append-events':
        return this.#append(change);
      case 'put-user':
        return this.#putUser(change);
      case 'remove-user':
        this.#checkRevision(change);
        this.state.users.delete(change.userId);
        return this.#announce(change);
      case 'commit-cursor':
        return this.#commitCursor(change);
      case 'set-retention':
        return info(this.#open(change.topic));
      case 'trim-topic':
        return this.#trim(change);
      case 'delete-topic':
        return this.#delete(change);
      default:
        return this.#changeFile(change);
    }
  }

  #changeFile(change: ModelFileChange): object {
    const { uploads, blobs } = this.state;
    if (change.kind === 'remove-blob') {
      if ((blobs.get(change.blobId)?.revision ?? 0) !== change.expectedRevision) {
        throw new Refused('conflict REVISION_MISMATCH');
      }
      blobs.delete(change.blobId);
      return this.#announce(change);
    }
    const { uploadId } = change;
    if (change.kind === 'start-upload') return this.#startUpload(change);
    const upload = uploads.get(uploadId);
    if (upload?.epoch !== change.epoch) throw new Refused('conflict UPLOAD_FENCED');
    if (change.kind === 'advance-upload') {
      upload.committedSize = Math.max(upload.committedSize, change.committedSize);
      return { epoch: upload.epoch, committedSize: upload.committedSize };
    }
    uploads.delete(uploadId);
    if (change.kind === 'remove-upload') return {};
    const made = this.#announce(change);
    blobs.set(uploadId, { size: change.size, ...made });
    return made;
  }

  #startUpload(change: Extract<ModelFileChange, { kind: 'start-upload' }>): object {
    const { uploadId, author, expectedEpoch, maxOpen } = change;
    const { uploads, blobs } = this.state;
    if (blobs.has(uploadId)) throw new Refused('exists BLOB_EXISTS');
    const known = uploads.get(uploadId);
    if ((known?.epoch ?? 0) !== expectedEpoch) throw new Refused('conflict UPLOAD_FENCED');
    const open = [...uploads.values()].filter((upload) => upload.author === author).length;
    if (!known && open >= maxOpen) throw new Refused('exhausted TOO_MANY_UPLOADS');
    const upload = known ?? { author, epoch: 0, committedSize: 0 };
    upload.epoch++;
    uploads.set(uploadId, upload);
    return { epoch: upload.epoch, committedSize: upload.committedSize };
  }

  #append(change: Extract<ModelChange, { kind: 'append-events' }>): object {
    const topic = this.#open(change.topic);
    const stale = change.expectedLastOffset !== undefined && change.expectedLastOffset !== topic.events.length;
    const before = topic.events.length;
    const existing = change.producer ? [] : appendById(topic, change, stale);
    if (change.producer) appendBySequence(topic, change, change.producer, stale);
    const accepted = topic.events.length - before;
    return {
      accepted,
      duplicates: change.events.length - accepted,
      firstOffset: accepted > 0 ? before + 1 : 0,
      lastOffset: accepted > 0 ? topic.events.length : 0,
      existing,
    };
  }

  #putUser(change: Extract<ModelChange, { kind: 'put-user' }>): object {
    this.#checkRevision(change);
    const { emailKey, userId } = change;
    const owner = [...this.state.users].find(([, user]) => emailKey !== undefined && user.emailKey === emailKey);
    if (owner && owner[0] !== userId) throw new Refused('exists EMAIL_TAKEN');
    const result = this.#announce(change);
    this.state.users.set(userId, { emailKey, ...result });
    return result;
  }

  #checkRevision({ userId, expectedRevision }: { userId: string; expectedRevision: number }): void {
    const revision = this.state.users.get(userId)?.revision ?? 0;
    if (revision !== expectedRevision) throw new Refused('conflict REVISION_MISMATCH');
  }

  #announce({ topic, author, event }: Announcement): { revision: number } {
    const { events } = this.#open(topic);
    return { revision: events.push({ ...event, author, bySequence: false }) };
  }

  #commitCursor({ topic: name, cursor, offset, rewind }: CommitCursor): object {
    const topic = this.state.topics.get(name);
    const headOffset = topic?.events.length ?? 0;
    if (offset > headOffset) throw new Refused('out-of-range OFFSET_BEYOND_HEAD');
    if (!topic || topic.deleted) return { offset: 0, headOffset };
    const { cursors } = topic;
    const stored = rewind ? offset : Math.max(offset, cursors.get(cursor) ?? 0);
    cursors.set(cursor, stored);
    return { offset: stored, headOffset };
  }

  #trim({ topic: name, firstOffset }: TrimTopic): object {
    const topic = this.#known(name);
    if (firstOffset > topic.events.length + 1) throw new Refused('out-of-range OFFSET_BEYOND_HEAD');
    topic.first = Math.max(topic.first, firstOffset);
    return info(topic);
  }

  #delete({ topic: name }: DeleteTopic): object {
    const topic = this.#known(name);
    topic.first = topic.events.length + 1;
    topic.deleted = true;
    topic.cursors.clear();
    return info(topic);
  }

  #open(name: string): ModelTopic {
    const made: ModelTopic = { first: 1, deleted: false, events: [], cursors: new Map(), producers: new Map() };
    const topic = this.state.topics.get(name) ?? made;
    topic.deleted = false;
    this.state.topics.set(name, topic);
    return topic;
  }

  #known(name: string): ModelTopic {
    const topic = this.state.topics.get(name);
    if (!topic || topic.deleted) throw new Refused('not-found TOPIC_NOT_FOUND');
    return topic;
  }
}

type Append = Extract<ModelChange, { kind: 'append-events' }>;

function info(topic: ModelTopic): object {
  return { firstOffset: topic.first, headOffset: topic.events.length };
}

function appendById(topic: ModelTopic, { author, events }: Append, stale: boolean): object[] {
  return events.flatMap((event, index) => {
    const at = topic.events.findLastIndex(
      (each) => event.id !== '' && !each.bySequence && each.id === event.id && each.author === author,
    );
    if (at + 1 >= topic.first) {
      if (!same(topic.events[at], event)) throw new Refused('exists ID_REUSED');
      return [{ index, offset: at + 1 }];
    }
    if (stale) throw new Refused('conflict OFFSET_CONFLICT');
    topic.events.push({ ...event, author, bySequence: false });
    return [];
  });
}

function appendBySequence(
  topic: ModelTopic,
  { author, events }: Append,
  { producerId, firstSequence }: NonNullable<Append['producer']>,
  stale: boolean,
): void {
  const offsets = sequenceOf(topic, producerId);
  if (offsets.length === 0 && firstSequence !== 1) throw new Refused('conflict PRODUCER_UNKNOWN');
  if (firstSequence > offsets.length + 1) throw new Refused('conflict SEQUENCE_GAP');
  const known = events.slice(0, offsets.length + 1 - firstSequence);
  for (const [index, event] of known.entries()) {
    const offset = offsets[firstSequence - 1 + index] ?? 0;
    // What is trimmed cannot be compared.
    if (offset >= topic.first && !same(topic.events[offset - 1], event)) throw new Refused('exists SEQUENCE_REUSED');
  }
  const fresh = events.slice(known.length);
  if (fresh.length > 0 && stale) throw new Refused('conflict OFFSET_CONFLICT');
  const added = fresh.map((event) => topic.events.push({ ...event, author, bySequence: true }));
  topic.producers.set(producerId, [...offsets, ...added]);
}

/** The offsets of a producer's sequence numbers; none if its last event is trimmed. */
export function sequenceOf(topic: ModelTopic, producerId: string): number[] {
  const offsets = topic.producers.get(producerId) ?? [];
  return (offsets.at(-1) ?? 0) >= topic.first ? offsets : [];
}

function same(a: ModelEvent | undefined, b: ModelEvent): boolean {
  return a?.id === b.id && a.type === b.type && a.content === b.content;
}
