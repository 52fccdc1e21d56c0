import { openDatabase } from './open-database.js';

/**
 * Messages as rows, with the durability of ours. What arrives in one turn of the event loop is one commit, and is told
 * to everybody after it: one commit a message would be slower.
 */
export function createMessageTable(dataDir: string, onStored: (texts: readonly string[]) => void) {
  const db = openDatabase(dataDir);
  db.exec('CREATE TABLE messages (message_id INTEGER PRIMARY KEY, room TEXT NOT NULL, body TEXT NOT NULL)');
  const insert = db.prepare('INSERT INTO messages (room, body) VALUES (?, ?)');
  const insertAll = db.transaction((texts: readonly string[]) => {
    for (const text of texts) insert.run('room', text);
  });
  let waiting: string[] = [];

  function commit(): void {
    const texts = waiting;
    waiting = [];
    insertAll(texts);
    onStored(texts);
  }

  return {
    add(text: string): void {
      if (waiting.push(text) === 1) setImmediate(commit);
    },
  };
}
