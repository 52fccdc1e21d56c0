import { closeSync, fsync, fsyncSync, open, openSync } from 'node:fs';
import { promisify } from 'node:util';

const openFile = promisify(open);
const syncFile = promisify(fsync);

/** Makes what was created in a directory survive a crash of the machine; one sync serves all that wait for it. */
export class DirectorySync {
  private isSynced = true;
  private running: Promise<void> | undefined;

  constructor(private readonly directory: string) {}

  /** A file was created. */
  created(): void {
    this.isSynced = false;
  }

  /** Resolves when everything that was created before is there for good. */
  async done(): Promise<void> {
    // One that is under way may have begun before.
    await this.running?.catch(() => undefined);
    if (!this.isSynced) await (this.running ??= this.sync());
  }

  private async sync(): Promise<void> {
    // What is created from now on may be missed.
    this.isSynced = true;
    try {
      await syncOnce(this.directory);
    } catch (error) {
      this.isSynced = false;
      throw error;
    } finally {
      this.running = undefined;
    }
  }
}

async function syncOnce(directory: string): Promise<void> {
  const descriptor = await openFile(directory, 'r');
  try {
    await syncFile(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The same at once, for what happens once. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
