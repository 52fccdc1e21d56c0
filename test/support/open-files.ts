import { readdir, readlink } from 'node:fs/promises';

/** How often this process has a file open (Linux). */
export function countOpen(file: string): Promise<number> {
  return count((target) => target === file);
}

/** How many files of this folder the process has open, by whatever name (Linux). */
export function countOpenIn(folder: string): Promise<number> {
  return count((target) => target.startsWith(`${folder}/`));
}

async function count(isMeant: (target: string) => boolean): Promise<number> {
  const open = await readdir('/proc/self/fd');
  // One that is closed meanwhile is none.
  const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter(isMeant).length;
}
