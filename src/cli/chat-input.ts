import { editLine, emptyLine, lineOf, textOfLine, type EditedLine, type Key } from './line-editor.js';

/** What a person at the keyboard wants. */
export type ChatWish =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'who' }
  | { readonly kind: 'help' }
  | { readonly kind: 'quit' };

/** The line that is being typed, and those that were. */
export interface ChatInput {
  readonly line: EditedLine;
  /** Takes a key; returns what is wanted now, if that is anything. */
  press(key: Key): ChatWish | undefined;
}

export const chatHelp = '/who  who is here · /quit  leave, as Ctrl-C does · //text  a message that begins with /';

/** Lines that can be brought back with the arrow keys. */
const MAX_HISTORY = 100;

export function createChatInput(): ChatInput {
  let line = emptyLine;
  let history: readonly string[] = [];
  let recalled = 0;

  function submit(): ChatWish | undefined {
    const text = textOfLine(line);
    line = emptyLine;
    if (text.trim() === '') return undefined;
    history = [...history, text].slice(-MAX_HISTORY);
    recalled = history.length;
    return wishOf(text);
  }

  function recall(step: number): undefined {
    recalled = Math.min(history.length, Math.max(0, recalled + step));
    line = lineOf(history[recalled] ?? '');
  }

  return {
    get line() {
      return line;
    },
    press(key) {
      if (key.ctrl && key.name === 'c') return { kind: 'quit' };
      if (key.ctrl && key.name === 'd' && line.before.length + line.after.length === 0) return { kind: 'quit' };
      if (key.name === 'return' || key.name === 'enter') return submit();
      if (key.name === 'up') return recall(-1);
      if (key.name === 'down') return recall(1);
      line = editLine(line, key);
      return undefined;
    },
  };
}

function wishOf(text: string): ChatWish {
  if (text.startsWith('//')) return { kind: 'say', text: text.slice(1) };
  switch (text.trim()) {
    case '/quit':
      return { kind: 'quit' };
    case '/who':
      return { kind: 'who' };
    default:
      return text.startsWith('/') ? { kind: 'help' } : { kind: 'say', text };
  }
}
