import type { ByteStore } from '../store/byte-store.js';
import type { Store } from '../store/store.js';
import { DomainError, isDomainError } from './errors.js';
import type { FileCleanup } from './file-cleanup.js';
import type { Log } from './log.js';
import { BLOBS_TOPIC } from './topics/system-topics.js';

export interface RepairDeps {
  readonly store: Store;
  readonly bytes: ByteStore;
  readonly cleanup: FileCleanup;
  readonly log: Log;
}

/**
 * Brings the files back to what the store knows of them, after a crash: removes those that belong to nothing, and cuts
 * off what was written to an upload but not yet durable. Nobody may use either meanwhile.
 * What cannot be removed or cut off now is logged and does not keep the server from starting: the first is tried again in
 * the background, the second whenever the upload goes on.
 * Errors: `precondition` STORE_MISSING if there are files beside a store that was never served: its database is lost.
 */
export async function repairFiles({ store, bytes, cleanup, log }: RepairDeps): Promise<void> {
  const wasServed = (await store.topic(BLOBS_TOPIC)) !== undefined;
  for await (const fileId of bytes.list()) {
    const owner = await store.fileOwner(fileId);
    if (!owner && !wasServed) throw storeMissing();
    if (!owner) await cleanup.remove(fileId);
    else if (owner.kind === 'upload') await bytes.truncate(fileId, owner.size).catch(warnOf(log, fileId));
  }
}

function warnOf(log: Log, fileId: string): (error: unknown) => void {
  return (error) => {
    if (!isDomainError(error)) throw error;
    log.warn(
      { fileId, err: error },
      'cannot cut an upload off where it is durable: it is done when the upload goes on',
    );
  };
}

function storeMissing(): DomainError {
  return new DomainError(
    'precondition',
    'STORE_MISSING',
    'the data directory has files of blobs, and a database that knows nothing of any: restore the database from a ' +
      'backup, or remove the folder "files" in it to begin anew',
  );
}
