import type { ByteStore } from '../store/byte-store.js';
import type { Store } from '../store/store.js';

/**
 * Brings the files back to what the store knows of them, after a crash: removes those that belong to nothing, and cuts
 * off what was written to an upload but not yet durable. Nobody may use either meanwhile.
 */
export async function repairFiles(store: Store, bytes: ByteStore): Promise<void> {
  for await (const fileId of bytes.list()) {
    const owner = await store.fileOwner(fileId);
    if (!owner) await bytes.remove(fileId);
    else if (owner.kind === 'upload') await bytes.truncate(fileId, owner.size);
  }
}
