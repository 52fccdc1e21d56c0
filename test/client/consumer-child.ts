import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { createLeatClient, type FollowOptions } from '../../src/client/index.js';

/** A consumer in a process of its own: `node consumer-child.js ADDRESS TOPIC (file|cursor) NAME`; prints offsets. */
const [address = '', topic = '', kind, name = ''] = process.argv.slice(2);

function loadFile(): string | undefined {
  try {
    return readFileSync(name, 'utf8');
  } catch {
    return undefined; // The first run.
  }
}

function saveFile(checkpoint: string): void {
  writeFileSync(`${name}.new`, checkpoint);
  renameSync(`${name}.new`, name);
}

const checkpoint: FollowOptions['checkpoint'] = kind === 'file' ? { load: loadFile, save: saveFile } : { cursor: name };
const client = createLeatClient({ address });
for await (const event of client.follow(topic, { checkpoint, saveIntervalMs: 5 })) {
  writeSync(1, `${event.offset}\n`);
}
