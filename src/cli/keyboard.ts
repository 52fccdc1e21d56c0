import { emitKeypressEvents } from 'node:readline';
import type { Terminal } from './session.js';
import type { Key } from './line-editor.js';

/** Takes the keys of a terminal one by one, until it is told to stop; then the terminal is as it was. */
export function listenToKeys(stdin: Terminal['stdin'], onKey: (key: Key) => void): () => void {
  const listener = (text: string | undefined, key: Key | undefined) => onKey({ sequence: text, ...key });
  emitKeypressEvents(stdin);
  stdin.setRawMode?.(true);
  stdin.on('keypress', listener);
  stdin.resume();
  return () => {
    stdin.off('keypress', listener);
    stdin.setRawMode?.(false);
    stdin.pause();
  };
}
