import { readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createLeatClient, type FollowOptions } from '../../src/client/index.js';

/**
 * A consumer in a process of its own: `node consumer-child.js ADDRESS TOPIC (file|cursor) NAME`. Prints the offsets of
 * what it handles: as many as the numbers on its standard input add up to.
 */
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
let allowed = 0;
let onAllowed: () => void = () => undefined;
createInterface({ input: process.stdin }).on('line', (line) => {
  allowed += Number(line);
  onAllowed();
});

for await (const event of client.follow(topic, { checkpoint, saveIntervalMs: 5 })) {
  while (allowed === 0) await new Promise<void>((resolve) => (onAllowed = resolve));
  allowed--;
  writeSync(1, `${event.offset}\n`);
}
