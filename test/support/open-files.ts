import { readdir, readlink } from 'node:fs/promises';

/** How often this process has a file open (Linux). */
export async function countOpen(file: string): Promise<number> {
  const open = await readdir('/proc/self/fd');
  // One that is closed meanwhile is none.
  const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target === file).length;
}
