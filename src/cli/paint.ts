import type { Writable } from 'node:stream';

/** What a text is, and so how it looks. */
export type Tone = 'error' | 'warning' | 'heading';

/** The text as it looks on a terminal; the text itself where there are no colours. */
export type Paint = (tone: Tone, text: string) => string;

const codes: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  error: [31, 39],
  warning: [33, 39],
  heading: [1, 22],
};

/**
 * Colours for a terminal, or with FORCE_COLOR for everything, but never with NO_COLOR (https://no-color.org), nor on a
 * terminal that has none (TERM=dumb).
 */
export function createPaint(
  stream: Writable & { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!hasColours(stream.isTTY === true, env)) return (_tone, text) => text;
  return (tone, text) => {
    const [on, off] = codes[tone];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

function hasColours(
  isTerminal: boolean,
  { NO_COLOR, FORCE_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
) {
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return isTerminal && TERM !== 'dumb';
}
