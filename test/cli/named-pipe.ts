import { execFileSync, spawn } from 'node:child_process';
import { killAfterTest } from '../support/leftovers.js';

export interface NamedPipe {
  readonly file: string;
  /** Opens it, and leaves it open. Writing never blocks a thread of the test: another process does. */
  openWriter(): PipeWriter;
}

export interface PipeWriter {
  write(text: string): void;
  close(): void;
}

export function makeNamedPipe(file: string): NamedPipe {
  execFileSync('mkfifo', [file]);
  return {
    file,
    openWriter() {
      const cat = spawn('sh', ['-c', 'exec cat > "$0"', file], { stdio: ['pipe', 'ignore', 'ignore'] });
      killAfterTest(cat);
      cat.stdin.on('error', () => undefined); // The reader may end first.
      return { write: (text) => void cat.stdin.write(text), close: () => void cat.stdin.end() };
    },
  };
}
