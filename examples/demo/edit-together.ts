import * as Y from 'yjs';
import { createYjsProvider } from '../../src/client/yjs/index.js';
import { count, type Report } from './report.js';
import type { Person } from './talk-in-rooms.js';

const WORDS = 200;

/** Each changes a copy of a document at the same time, and a third one comes later. */
export async function editTogether(people: readonly Person[], report: Report, signal: AbortSignal): Promise<void> {
  const open = ({ client, rooms }: Person, room = 'notes') =>
    createYjsProvider({ client, rooms, room, doc: new Y.Doc(), signal });
  const editors = people.map((person) => open(person));
  const texts = editors.map(({ doc }) => doc.getText());
  for (let word = 0; word < WORDS; word++) texts.forEach((text, who) => text.insert(0, who === 0 ? 'tea ' : 'milk '));
  await Promise.all(texts.map((text) => hasLength(text, WORDS * 'tea milk '.length, signal)));
  const [ours, theirs] = texts.map((text) => text.toJSON());
  report.line(`${count(2 * WORDS)} insertions into one text: ${ours?.slice(0, 40)}…`);
  report.check(ours === theirs, 'a document that both changed at the same time is the same for both');
  await Promise.all(editors.map((editor) => editor.destroy()));
}

async function hasLength(text: Y.Text, length: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const look = () => text.length === length && resolve();
    text.observe(look);
    signal.addEventListener('abort', () => reject(new Error('the documents did not become the same in time')));
    look();
  });
}
