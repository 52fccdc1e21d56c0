import { describe, expect, it } from '@jest/globals';
import { createBottomRows } from '../../src/cli/bottom-rows.js';
import { createChatInput } from '../../src/cli/chat-input.js';
import { editLine, emptyLine, lineOf, textOfLine, viewLine, type Key } from '../../src/cli/line-editor.js';
import { fitText, textWidth } from '../../src/cli/text-width.js';

const family = '👩‍👩‍👧';
const keysOf = (text: string): Key[] => Array.from(text, (sequence) => ({ sequence }));
const ctrl = (name: string): Key => ({ name, ctrl: true, sequence: '\u0001' });

function typed(...keys: readonly (string | Key)[]) {
  const all = keys.flatMap((key) => (typeof key === 'string' ? keysOf(key) : [key]));
  return all.reduce(editLine, emptyLine);
}

describe('the width of text', () => {
  it.each([
    ['abc', 3],
    ['héllo', 5],
    ['he\u0301llo', 5],
    ['你好', 4],
    ['한국', 4],
    [family, 2],
    ['❤️', 2],
    ['ｆｕｌｌ', 8],
    ['', 0],
  ])('of %j is %d columns', (text, width) => expect(textWidth(text)).toBe(width));

  it('bounds what is shown of it, without tearing anything apart', () => {
    expect(fitText('hello', 5)).toBe('hello');
    expect(fitText('hello!', 5)).toBe('hell…');
    expect(fitText('你好吗', 5)).toBe('你好…');
    expect(fitText(`a${family}b`, 3)).toBe('a…');
    expect(fitText('hello', 0)).toBe('');
  });
});

describe('a line that is typed', () => {
  it.each<[string, readonly (string | Key)[], string, string]>([
    ['grows at the cursor', ['held', { name: 'left' }, 'lo wor'], 'hello wor', 'd'],
    ['loses what is before the cursor', ['abc', { name: 'left' }, { name: 'backspace' }], 'a', 'c'],
    ['loses what is behind it', ['abc', { name: 'home' }, { name: 'delete' }], '', 'bc'],
    ['moves to its ends', ['abc', ctrl('a'), 'x', ctrl('e'), 'y'], 'xabcy', ''],
    ['is cut before the cursor', ['a bc', { name: 'left' }, ctrl('u')], '', 'c'],
    ['is cut behind the cursor', ['abc', { name: 'home' }, { name: 'right' }, ctrl('k')], 'a', ''],
    ['loses a word', ['one two  ', ctrl('w')], 'one ', ''],
    ['takes characters of several keys as one', [family, 'e\u0301', { name: 'backspace' }], family, ''],
    [
      'ignores what is no text',
      ['a', { name: 'f1', sequence: '\u001bOP' }, { name: 'x', meta: true, sequence: 'x' }],
      'a',
      '',
    ],
  ])('%s', (_what, keys, before, after) => {
    const line = typed(...keys);
    expect([line.before.join(''), line.after.join('')]).toEqual([before, after]);
  });

  it('is shown around its cursor, in the columns there are', () => {
    expect(viewLine(lineOf('hello'), 20)).toEqual({ text: 'hello', cursor: 5 });
    expect(viewLine(lineOf('0123456789'), 5)).toEqual({ text: '6789', cursor: 4 });
    expect(viewLine(typed('0123456789', ctrl('a')), 5)).toEqual({ text: '01234', cursor: 0 });
    expect(viewLine(lineOf('你好吗'), 6)).toEqual({ text: '好吗', cursor: 4 });
  });

  it('can be said, brought back, and be a command', () => {
    const input = createChatInput();
    const press = (...keys: readonly Key[]) => keys.map((key) => input.press(key)).at(-1);
    const enter: Key = { name: 'return', sequence: '\r' };
    expect(press(...keysOf('hi'), enter)).toEqual({ kind: 'say', text: 'hi' });
    expect(press(...keysOf('//x'), enter)).toEqual({ kind: 'say', text: '/x' });
    expect(press(...keysOf('  '), enter)).toBeUndefined();
    for (const command of ['who', 'quit', 'help']) {
      expect(press(...keysOf(`/${command}`), enter)).toEqual({ kind: command });
    }
    expect(press(...keysOf('/nonsense'), enter)).toEqual({ kind: 'help' });
    for (let step = 0; step < 6; step++) input.press({ name: 'up' });
    expect(textOfLine(input.line)).toBe('hi');
    input.press({ name: 'down' });
    expect(textOfLine(input.line)).toBe('//x');
    expect(press(ctrl('d'))).toBeUndefined();
    expect(press(ctrl('u'), ctrl('d'))).toEqual({ kind: 'quit' });
    expect(press(ctrl('c'))).toEqual({ kind: 'quit' });
  });
});

describe('rows at the bottom', () => {
  it('are taken away before a line is printed, and drawn again below it, also in a terminal that became narrower', () => {
    const screen = { columns: 10 } as Parameters<typeof createBottomRows>[0] & { columns: number };
    const rows = createBottomRows(screen, () => ({ rows: ['a status that is long', '> x'], cursor: 3 }));
    expect(rows.draw()).toBe('\r\u001b[Ja status…\r\n> x\r\u001b[3C');
    expect(rows.printAbove('news')).toBe('\r\u001b[1A\u001b[Jnews\r\n\r\u001b[Ja status…\r\n> x\r\u001b[3C');
    expect(rows.draw()).toBe('');
    screen.columns = 3;
    // Three rows of three columns for the status, and the cursor has moved into a second row.
    expect(rows.clear()).toBe('\r\u001b[4A\u001b[J');
    expect(rows.clear()).toBe('\r\u001b[J');
  });
});
