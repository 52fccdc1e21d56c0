import type { ByteStore } from '../store/byte-store.js';
import type { Store } from '../store/store.js';
import { DomainError } from './errors.js';
import { BLOBS_TOPIC } from './topics/system-topics.js';

/**
 * Brings the files back to what the store knows of them, after a crash: removes those that belong to nothing, and cuts
 * off what was written to an upload but not yet durable. Nobody may use either meanwhile.
 * Errors: `precondition` STORE_MISSING if there are files beside a store that was never served: its database is lost.
 */
export async function repairFiles(store: Store, bytes: ByteStore): Promise<void> {
  const wasServed = (await store.topic(BLOBS_TOPIC)) !== undefined;
  for await (const fileId of bytes.list()) {
    const owner = await store.fileOwner(fileId);
    if (!owner && !wasServed) throw storeMissing();
    if (!owner) await bytes.remove(fileId);
    else if (owner.kind === 'upload') await bytes.truncate(fileId, owner.size);
  }
}

function storeMissing(): DomainError {
  return new DomainError(
    'precondition',
    'STORE_MISSING',
    'the data directory has files of blobs, and a database that knows nothing of any: restore the database from a ' +
      'backup, or remove the folder "files" in it to begin anew',
  );
}
