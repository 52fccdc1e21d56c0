import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** The paths of all part files for this target, of whatever blob. */
export async function partsOf(file: string): Promise<string[]> {
  const folder = path.dirname(file);
  const names = await readdir(folder);
  return names
    .filter((name) => name.startsWith(`.${path.basename(file)}.leat-`))
    .map((name) => path.join(folder, name));
}
