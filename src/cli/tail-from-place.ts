import type { EventRecord, Start } from '../../gen/leat/v1/event.js';
import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import type { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import {
  LeatError,
  Status,
  type FollowOptions,
  type FollowStart,
  type LeatClient,
  type Setback,
} from '../client/index.js';
import { openCheckpointFile } from './checkpoint-file.js';
import { CliError, exitCodes, usageError } from './cli-error.js';
import { describeCommand } from './command-words.js';
import { describeViolations } from './present-error.js';
import type { GlobalOptions } from './session.js';

export interface PlaceOptions extends GlobalOptions {
  readonly checkpoint?: string;
  readonly cursor?: string;
  readonly from?: Start;
  readonly last?: bigint;
  readonly until?: ListEventsRequest['end'];
  readonly type?: string[];
  readonly subject?: string[];
  readonly attribute?: Map<string, string>;
  readonly limit?: bigint;
}

export interface TailSettings {
  readonly signal: AbortSignal;
  readonly live: boolean;
  readonly maxAttempts: number;
  readonly onSetback: (setback: Setback) => void;
  /** Called with the head of the topic when the server has answered, at the start and after a lost connection. */
  readonly onHead: (headOffset: bigint) => void;
}

/**
 * Reads a topic from where `--checkpoint` or `--cursor` says, and keeps the place there: that of an event once `write`
 * has resolved for it. So an event may be written twice after a crash, and none is left out.
 */
export async function tailFromPlace(
  client: LeatClient,
  topic: string,
  options: PlaceOptions,
  settings: TailSettings,
  write: (record: EventRecord) => Promise<void>,
): Promise<void> {
  const file = options.checkpoint === undefined ? undefined : await openCheckpointFile(options.checkpoint);
  const checkpoint = file ?? { cursor: options.cursor ?? '' };
  try {
    for await (const record of client.follow(topic, { ...followOptions(options, settings), checkpoint })) {
      await write(record);
    }
  } catch (error) {
    throw file?.failure ?? explainPlace(error, topic, options);
  }
}

const outdated: readonly (string | undefined)[] = ['OFFSET_TRIMMED', 'OFFSET_BEYOND_HEAD', 'EPOCH_CHANGED'];

/** The place does not fit what the server has. --from would not help: the place comes first. */
function explainPlace(error: unknown, topic: string, options: PlaceOptions): unknown {
  const { checkpoint, cursor = '' } = options;
  if (!(error instanceof LeatError)) return error;
  if (checkpoint !== undefined && isTokenRefused(error)) return explainToken(error, checkpoint);
  if (!outdated.includes(error.reason)) return error;
  const note =
    checkpoint === undefined
      ? `the cursor was not moved; to begin elsewhere: ${describeCommand(['leat', 'cursor', 'set', topic, cursor, 'OFFSET', '--rewind'], options)}`
      : `${checkpoint} was not changed; to begin elsewhere, remove it and give --from`;
  const message = `${error.message} (${Status[error.code]}, ${error.reason})`;
  return new CliError(message, exitCodes.failed, [note], { cause: error });
}

function isTokenRefused({ violations }: LeatError): boolean {
  return violations.some(({ field }) => field === 'start.resume_token');
}

/** The server names the field of the request; the user gave a file. */
function explainToken(error: LeatError, checkpoint: string): CliError {
  const message = `${error.message} (${Status[error.code]}, ${error.reason})`;
  const note = `the position is the one in ${checkpoint}, which was not changed; name another file, or remove it to begin anew`;
  return new CliError(message, exitCodes.usage, [...describeViolations(error), note], { cause: error });
}

function followOptions(options: PlaceOptions, { onSetback, onHead, ...settings }: TailSettings): FollowOptions {
  const { type: types, subject: subjects, attribute: attributes, limit } = options;
  return {
    ...settings,
    start: followStart(options),
    before: before(options.until),
    filter: { types, subjects, attributes },
    limit,
    maxFirstAttempts: 1,
    onState({ state, headOffset, error, attempt = 1, retryInMs: delayMs = 0 }) {
      if (headOffset >= 0n && state !== 'reconnecting') onHead(headOffset);
      if (state === 'reconnecting' && error !== undefined) onSetback({ error, attempt, delayMs });
    },
  };
}

/** Undefined if neither --from nor --last was given. */
function followStart({ from, last }: PlaceOptions): FollowStart | undefined {
  if (last !== undefined) return { last: Number(last) };
  const position = from?.position;
  switch (position?.$case) {
    case undefined:
      return undefined;
    case 'afterOffset':
      return { afterOffset: position.value };
    case 'fromTime':
      return { fromTime: toDate(position.value) };
    case 'last':
      return { last: Number(position.value) };
    case 'resumeToken':
      return { resumeToken: position.value };
    case 'cursor':
      return { cursor: position.value };
  }
}

function before(until: ListEventsRequest['end']): FollowOptions['before'] {
  return until?.$case === 'beforeTime' ? toDate(until.value) : until?.value;
}

/** Throws CliError for a time between two milliseconds: rounding it would move events over the border. */
function toDate(time: Timestamp): Date {
  if (time.nanos % 1e6 !== 0) throw usageError('with --checkpoint or --cursor give a time in whole milliseconds');
  return new Date(Number(time.seconds) * 1000 + time.nanos / 1e6);
}
