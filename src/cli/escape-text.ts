/**
 * Characters that can move the cursor, change colours or titles, or turn the reading direction of a terminal: C0, DEL,
 * C1, line and paragraph separators, bidirectional controls; and lone surrogates, which no terminal can show.
 */
// eslint-disable-next-line no-control-regex -- control characters are what this is about
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** The same, for text that is JSON already: there only strings can hold them, and the line ends are whitespace. */
const unsafeInJson = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text that is safe to print on a terminal, on one line. Meant for eyes: it cannot be turned back. */
export function escapeText(text: string): string {
  return text.replace(unsafe, (character) => short[character] ?? unicodeEscape(character));
}

/** JSON text on one line, the same value, and safe to print on a terminal. */
export function escapeJson(json: string): string {
  return json.replace(/[\r\n]/g, ' ').replace(unsafeInJson, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
