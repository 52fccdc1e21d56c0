import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Event } from '../../gen/leat/v1/event.js';
import type { DeepPartial } from '../../gen/leat/v1/event_service.js';

/** A real file: the browser's API as TypeScript declares it, some 45,000 lines. */
export interface SourceFile {
  readonly name: string;
  readonly bytes: Buffer;
  /** One for each line. */
  readonly events: readonly DeepPartial<Event>[];
  /** Whether the last line ends with a line feed. */
  readonly endsWithLineFeed: boolean;
}

export function readSourceFile(): SourceFile {
  const typescript = path.dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const file = path.join(typescript, 'lib', 'lib.dom.d.ts');
  const bytes = readFileSync(file);
  const text = bytes.toString('utf8');
  const endsWithLineFeed = text.endsWith('\n');
  const lines = (endsWithLineFeed ? text.slice(0, -1) : text).split('\n');
  return { name: path.basename(file), bytes, events: toEvents(lines), endsWithLineFeed };
}

/** The type says what kind of line it is, the subject which declaration it belongs to. */
function toEvents(lines: readonly string[]): DeepPartial<Event>[] {
  let subject = '';
  return lines.map((line, index) => {
    const [, kind, name] = /^(?:declare )?(interface|type|var|function|namespace)\s+([\w.]+)/.exec(line) ?? [];
    if (name !== undefined) subject = name;
    const type = kind === undefined ? typeOf(line.trim()) : `code.${kind}`;
    return { id: `line-${index + 1}`, type, subject, payload: { $case: 'text', value: line } };
  });
}

function typeOf(line: string): string {
  if (line === '') return 'blank';
  return /^(\/\*|\*|\/\/)/.test(line) ? 'comment' : 'code.member';
}
