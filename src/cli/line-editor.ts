import { graphemeWidth, splitGraphemes } from './text-width.js';

/** A line that is being typed: what stands before the cursor and behind it, in graphemes. */
export interface EditedLine {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A key as node:readline tells it. */
export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly sequence?: string;
}

export const emptyLine: EditedLine = { before: [], after: [] };

export function textOfLine({ before, after }: EditedLine): string {
  return [...before, ...after].join('');
}

/** A line with the cursor at its end. */
export function lineOf(text: string): EditedLine {
  return { before: splitGraphemes(text), after: [] };
}

/** The line after a key; the same one if the key means nothing here. */
export function editLine(line: EditedLine, key: Key): EditedLine {
  const { before, after } = line;
  const all = [...before, ...after];
  switch (key.ctrl ? `ctrl-${key.name}` : key.name) {
    case 'left':
    case 'ctrl-b':
      return { before: before.slice(0, -1), after: [...before.slice(-1), ...after] };
    case 'right':
    case 'ctrl-f':
      return { before: [...before, ...after.slice(0, 1)], after: after.slice(1) };
    case 'home':
    case 'ctrl-a':
      return { before: [], after: all };
    case 'end':
    case 'ctrl-e':
      return { before: all, after: [] };
    case 'backspace':
    case 'ctrl-h':
      return { before: before.slice(0, -1), after };
    case 'delete':
    case 'ctrl-d':
      return { before, after: after.slice(1) };
    case 'ctrl-u':
      return { before: [], after };
    case 'ctrl-k':
      return { before, after: [] };
    case 'ctrl-w':
      return { before: splitGraphemes(before.join('').replace(/\S*\s*$/, '')), after };
    default:
      return insert(line, key);
  }
}

/** Typed, or pasted: what belongs together (an accent, an emoji of several parts) may come in several keys. */
function insert(line: EditedLine, { ctrl, meta, sequence = '' }: Key): EditedLine {
  // eslint-disable-next-line no-control-regex -- control characters are no text
  if (ctrl || meta || /[\u0000-\u001f\u007f]/.test(sequence) || sequence === '') return line;
  return { before: splitGraphemes(line.before.join('') + sequence), after: line.after };
}

/** The part of a line around its cursor that fits so many columns, and where in it the cursor is. */
export function viewLine({ before, after }: EditedLine, columns: number): { text: string; cursor: number } {
  let cursor = 0;
  let text = '';
  for (const grapheme of before.toReversed()) {
    // The cursor itself takes a column.
    if (cursor + graphemeWidth(grapheme) > columns - 1) break;
    cursor += graphemeWidth(grapheme);
    text = grapheme + text;
  }
  let width = cursor;
  for (const grapheme of after) {
    width += graphemeWidth(grapheme);
    if (width > columns) break;
    text += grapheme;
  }
  return { text, cursor };
}
