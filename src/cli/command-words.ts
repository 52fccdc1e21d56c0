import { DEFAULT_ADDRESS, type GlobalOptions } from './session.js';

/** A command for a POSIX shell that leads to the same server as the same caller. */
export function describeCommand(words: readonly string[], options: GlobalOptions): string {
  return [...words, ...globalWords(options)].map(quoteWord).join(' ');
}

/** What the user gave, or had in the environment. */
function globalWords({ address, user }: GlobalOptions): string[] {
  return [
    ...(address === DEFAULT_ADDRESS ? [] : ['--address', address]),
    ...(user === undefined ? [] : ['--user', user]),
  ];
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
