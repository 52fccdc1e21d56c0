import type {
  CommitCursorRequest,
  DeleteTopicRequest,
  GetProducerRequest,
  GetTopicRequest,
  ListTopicsRequest,
  TrimTopicRequest,
  UpdateTopicRequest,
} from '../../../gen/leat/v1/event_service.js';
import { createTokenCodec, type TokenCodec, type TokenPlace } from '../tokens.js';
import { checkOffset, checkPageSize } from '../validation/numbers.js';
import { checkLength } from '../validation/text.js';
import { createViolations } from '../validation/violations.js';
import { type RetentionChange, readRetentionChange } from './retention-change.js';
import { MAX_TOPIC_LENGTH, checkTopicName } from './topic-name.js';

// Each function turns a request into what was asked for, in the domain's units, or throws all that is wrong with it.

const MAX_NAME_LENGTH = 128;

/** The topic that is asked about. */
export function readTopicName({ topic }: GetTopicRequest | DeleteTopicRequest): string {
  const violations = createViolations();
  checkTopicName(violations, 'topic', topic);
  violations.throwIfAny();
  return topic;
}

export interface TopicsPage {
  readonly prefix: string;
  readonly limit: number;
  /** The last name of the page before; empty for the first page. */
  readonly after: string;
  /** For the token of the next page. */
  readonly tokens: TokenCodec;
}

/** `epoch` is the store's. */
export function readListTopics(epoch: string, { pageSize, pageToken, prefix }: ListTopicsRequest): TopicsPage {
  const violations = createViolations();
  const limit = checkPageSize(violations, 'page_size', pageSize);
  checkLength(violations, 'prefix', prefix, 0, MAX_TOPIC_LENGTH);
  const tokens = createTokenCodec({ epoch, kind: 'topics', subject: prefix });
  const place = pageToken === '' ? undefined : tokens.decode(violations, 'page_token', pageToken);
  violations.throwIfAny();
  return { prefix, limit, after: place?.key ?? '', tokens };
}

export function readUpdateTopic(request: UpdateTopicRequest): { topic: string; retention: RetentionChange } {
  const violations = createViolations();
  const topic = request.topic?.topic ?? '';
  checkTopicName(violations, 'topic.topic', topic);
  const retention = readRetentionChange(violations, request.updateMask, request.topic?.retention);
  violations.throwIfAny();
  return { topic, retention };
}

/** `epoch` is the store's; `place` that of the resume token, if there is one. Errors: `invalid`, `precondition` EPOCH_CHANGED. */
export function readTrimTopic(
  epoch: string,
  { topic, beforeOffset, resumeToken }: TrimTopicRequest,
): { topic: string; firstOffset: number; place: TokenPlace | undefined } {
  const violations = createViolations();
  checkTopicName(violations, 'topic', topic);
  const firstOffset = checkOffset(violations, 'before_offset', beforeOffset, 1n);
  const tokens = createTokenCodec({ epoch, kind: 'events', subject: topic });
  const place = resumeToken === undefined ? undefined : tokens.decode(violations, 'resume_token', resumeToken);
  violations.throwIfAny();
  return { topic, firstOffset, place };
}

export interface CursorPosition {
  readonly topic: string;
  readonly cursor: string;
  readonly offset: number;
  readonly rewind: boolean;
}

/** `epoch` is the store's. `place` is that of the resume token, if there is one. */
export function readCommitCursor(
  epoch: string,
  request: CommitCursorRequest,
): { position: CursorPosition; place: TokenPlace | undefined } {
  const violations = createViolations();
  const { topic, cursor, rewind, resumeToken } = request;
  checkTopicName(violations, 'topic', topic);
  checkLength(violations, 'cursor', cursor, 1, MAX_NAME_LENGTH);
  const offset = checkOffset(violations, 'offset', request.offset);
  const tokens = createTokenCodec({ epoch, kind: 'events', subject: topic });
  const place = resumeToken === undefined ? undefined : tokens.decode(violations, 'resume_token', resumeToken);
  if (place && place.offset > offset) violations.add('resume_token', `is from behind offset ${offset}`);
  violations.throwIfAny();
  return { position: { topic, cursor, offset, rewind }, place };
}

export function readGetProducer({ topic, producerId }: GetProducerRequest): { topic: string; producerId: string } {
  const violations = createViolations();
  checkTopicName(violations, 'topic', topic);
  checkLength(violations, 'producer_id', producerId, 1, MAX_NAME_LENGTH);
  violations.throwIfAny();
  return { topic, producerId };
}
