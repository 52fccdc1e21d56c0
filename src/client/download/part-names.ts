import { createHash, randomBytes } from 'node:crypto';
import { lstat, opendir, rm } from 'node:fs/promises';
import path from 'node:path';

/**
 * The names of part files: `.NAME.leat-KEY-RANDOM.tmp` while a download may write the file, `….part` once its download
 * has closed it. KEY is made of the blob's SHA-256 and the target's name, so only parts of the same blob are continued.
 */
export interface PartNames {
  /** A path that no other download uses. */
  fresh(): string;
  /** The path under which a closed part waits for the next download. */
  released(part: string): string;
  /** All parts of this blob and target except `own`. Removes parts of the folder that nobody wrote for a week. */
  find(own?: string): Promise<FoundPart[]>;
  /** Removes all of these; called when the target is complete. */
  removeAll(): Promise<void>;
}

export interface FoundPart {
  readonly path: string;
  readonly size: number;
  /** Whether its download has closed it. Otherwise that may be stopped, running or dead. */
  readonly isReleased: boolean;
}

const KEEP_MS = 7 * 24 * 3_600_000;
const PART = /^\..*\.leat-(?:range|[0-9a-f]{32})-[0-9a-f]{16}\.(?:tmp|part)$/s;
/** The key is what counts; the beginning of the target's name is for people, and short enough for every file system. */
const SHOWN_CHARACTERS = 24;

/** `sha256`: of the blob, if all of it is downloaded. The part of a range is never continued. */
export function createPartNames(file: string, sha256: Uint8Array | undefined): PartNames {
  const folder = path.dirname(file);
  const name = path.basename(file);
  const key = sha256 === undefined ? 'range' : keyOf(sha256, name);
  const marker = `.leat-${key}-`;

  async function find(own = ''): Promise<FoundPart[]> {
    const found: FoundPart[] = [];
    for await (const entry of partsIn(folder)) {
      if (entry === path.basename(own)) continue;
      const part = path.join(folder, entry);
      const stats = await lstat(part).catch(() => undefined); // Its download may have ended just now.
      if (stats?.isFile() !== true) continue;
      const isOurs = sha256 !== undefined && entry.includes(marker);
      if (isOurs) found.push({ path: part, size: stats.size, isReleased: entry.endsWith('.part') });
      // A download that still runs keeps its open file, whatever becomes of the name.
      else if (Date.now() - stats.mtimeMs > KEEP_MS) await removePart(part);
    }
    return found;
  }

  return {
    fresh: () => {
      const random = randomBytes(8).toString('hex');
      return path.join(folder, `.${name.slice(0, SHOWN_CHARACTERS)}${marker}${random}.tmp`);
    },
    released: (part) => part.replace(/\.tmp$/, '.part'),
    find,
    async removeAll() {
      const found = await find().catch(() => []); // The target is complete, whatever happens here.
      await Promise.all(found.map((part) => removePart(part.path)));
    },
  };
}

/** What cannot be removed now is removed by a later download. */
export async function removePart(part: string): Promise<void> {
  await rm(part, { force: true }).catch(() => undefined);
}

function keyOf(sha256: Uint8Array, name: string): string {
  return createHash('sha256').update(sha256).update(name).digest('hex').slice(0, 32);
}

async function* partsIn(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder, { bufferSize: 512 }).catch(() => undefined); // It may be write-only.
  for await (const { name } of entries ?? []) if (PART.test(name)) yield name;
}
