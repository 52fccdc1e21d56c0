import type { Retention as RetentionMessage } from '../../../gen/leat/v1/event_service.js';
import type { SetRetention } from '../../store/store.js';
import { msFromDuration } from '../timestamps.js';
import { checkSize } from '../validation/numbers.js';
import { quote } from '../validation/text.js';
import { checkDuration } from '../validation/times.js';
import type { Violations } from '../validation/violations.js';

export type RetentionChange = Pick<SetRetention, 'maxAgeMs' | 'maxBytes' | 'maxEvents'>;

const PARTS = ['maxAge', 'maxBytes', 'maxEvents'] as const;
type Part = (typeof PARTS)[number];

const PARTS_BY_PATH: ReadonlyMap<string, readonly Part[]> = new Map<string, readonly Part[]>([
  ['retention', PARTS],
  ['retention.max_age', ['maxAge']],
  ['retention.max_bytes', ['maxBytes']],
  ['retention.max_events', ['maxEvents']],
]);

const SECOND = 1n;
const HUNDRED_YEARS = 36_525n * 86_400n;

/**
 * What an UpdateTopic asks for: of the parts that the mask names, those that are present get their value and those that
 * are absent lose their bound (null). Without a mask the parts that are present.
 */
export function readRetentionChange(
  violations: Violations,
  mask: readonly string[] = [],
  retention: Partial<RetentionMessage> = {},
): RetentionChange {
  const parts = mask.length > 0 ? partsOf(violations, mask) : presentParts(retention);
  return {
    ...(parts.has('maxAge') && { maxAgeMs: readAge(violations, retention) }),
    ...(parts.has('maxBytes') && { maxBytes: readBound(violations, 'max_bytes', retention.maxBytes) }),
    ...(parts.has('maxEvents') && { maxEvents: readBound(violations, 'max_events', retention.maxEvents) }),
  };
}

function partsOf(violations: Violations, mask: readonly string[]): ReadonlySet<Part> {
  const known = [...PARTS_BY_PATH.keys()].map((path) => `"${path}"`).join(', ');
  return new Set(
    mask.flatMap((path, index) => {
      const parts = PARTS_BY_PATH.get(path);
      if (!parts) violations.add(`update_mask.paths[${index}]`, `${quote(path)} is none of ${known}`);
      return parts ?? [];
    }),
  );
}

function presentParts(retention: Partial<RetentionMessage>): ReadonlySet<Part> {
  return new Set(PARTS.filter((part) => retention[part] !== undefined));
}

function readAge(violations: Violations, { maxAge }: Partial<RetentionMessage>): number | null {
  if (maxAge === undefined) return null;
  checkDuration(violations, 'topic.retention.max_age', maxAge, { min: SECOND, max: HUNDRED_YEARS });
  return msFromDuration(maxAge);
}

function readBound(violations: Violations, name: string, bound: bigint | undefined): number | null {
  return bound === undefined ? null : checkSize(violations, `topic.retention.${name}`, bound, 1n);
}
