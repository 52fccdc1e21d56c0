/**
 * How wide text is on a terminal, in columns: the usual approximation (wcwidth with emoji), for text that is safe to
 * print (see escapeText). Terminals differ in rare characters; whoever draws one line in each row survives that.
 */

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Two columns: East Asian wide and fullwidth (Unicode 15, ranges merged), and what is an emoji by default. */
const wide =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** No column of their own. */
const invisible = /^[\p{Mark}\p{Cf}\u1160-\u11ff]*$/u;

/** What a reader takes for one character each. */
export function splitGraphemes(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

export function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  // U+FE0F asks for the emoji form of a character that also has another one.
  return wide.test(grapheme) || grapheme.includes('\ufe0f') ? 2 : 1;
}

export function textWidth(text: string): number {
  return splitGraphemes(text).reduce((width, grapheme) => width + graphemeWidth(grapheme), 0);
}

/** The text, filled up with spaces to so many columns. */
export function padText(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}

/** What separates the parts of a line: within a part there are single spaces only. */
const PART_END = / {2,}/g;

/**
 * The line, or as many of its parts as fit into so many columns. A part is never cut, so that no number loses its end:
 * only a first part that does not fit and has no digits is shortened.
 */
export function fitLine(line: string, columns: number): string {
  if (textWidth(line) <= columns) return line;
  let fitting = '';
  for (const { index } of line.matchAll(PART_END)) {
    const parts = line.slice(0, index);
    if (textWidth(parts) > columns) break;
    fitting = parts;
  }
  if (fitting !== '') return fitting;
  const [first = ''] = line.split('  ', 1);
  return /\d/.test(first) ? '' : fitText(first, columns);
}

/** The text, or its beginning with an ellipsis, in so many columns at most. */
export function fitText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let width = 1;
  let fitting = '';
  for (const grapheme of splitGraphemes(text)) {
    width += graphemeWidth(grapheme);
    if (width > columns) break;
    fitting += grapheme;
  }
  return columns < 1 ? '' : `${fitting}…`;
}
