import { Timestamp } from '../../gen/google/protobuf/timestamp.js';
import type { ListEventsRequest } from '../../gen/leat/v1/event_service.js';
import { describeCommand } from './command-words.js';
import type { GlobalOptions } from './session.js';

/** The options of `leat tail` that choose what is printed, and how. */
export interface ResumeOptions extends GlobalOptions {
  readonly until?: ListEventsRequest['end'];
  readonly type?: readonly string[];
  readonly subject?: readonly string[];
  readonly attribute?: ReadonlyMap<string, string>;
  readonly limit?: bigint;
  readonly json?: boolean;
}

/** "to resume: leat tail …": a command for a POSIX shell that continues behind the last of the `printed` events. */
export function describeResume(topic: string, options: ResumeOptions, resumeToken: string, printed: bigint): string {
  const { type = [], subject = [], attribute = new Map<string, string>(), limit = 0n, json, until } = options;
  const words = [
    ...['leat', 'tail', topic, '--follow', '--from', resumeToken],
    ...type.flatMap((value) => ['--type', value]),
    ...subject.flatMap((value) => ['--subject', value]),
    ...[...attribute].flatMap(([key, value]) => ['--attribute', `${key}=${value}`]),
    ...(until === undefined ? [] : ['--until', untilText(until)]),
    ...(limit > printed ? ['--limit', String(limit - printed)] : []),
    ...(json ? ['--json'] : []),
  ];
  return `to resume: ${describeCommand(words, options)}`;
}

function untilText(until: NonNullable<ListEventsRequest['end']>): string {
  return until.$case === 'beforeTime' ? (Timestamp.toJSON(until.value) as string) : String(until.value);
}
