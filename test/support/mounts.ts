import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeTempDir } from './temp-dir.js';

/** A file system of its own. */
export interface Mount {
  readonly path: string;
  /** Takes all its room, with a file of this name. Returns the function that gives it back. */
  fill(name?: string): () => void;
  /** `mount -o remount,OPTIONS`. */
  remount(options: string): void;
  /** Mounts it anew, checked and repaired; for `mountExt4`. */
  repair(): void;
  /** Mounts a copy with what is on the device now, and nothing of what the system keeps in memory; for `mountExt4`. */
  afterPowerCut(): Promise<Mount>;
  [Symbol.asyncDispose](): Promise<void>;
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A file system in memory; needs root. */
export const mountTmpfs = (bytes: number) =>
  mountAt((target) => run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', target));

/** An ext4 of 32 MiB in a file; needs root, loop devices and e2fsprogs. */
export function mountExt4(): Promise<Mount> {
  return mountAt(mountImage, (image) => {
    writeFileSync(image, '');
    truncateSync(image, 32 * 1024 * 1024);
    run('mkfs.ext4', '-q', '-F', image);
  });
}

function mountImage(target: string, image: string): void {
  run('mount', '-o', 'loop', image, target);
}

/** Why the mounts of this file cannot be made here; undefined: they can. */
export async function whyNoMount(make: () => Promise<Mount>): Promise<string | undefined> {
  try {
    await (await make())[Symbol.asyncDispose]();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n', 2).join(': ');
  }
}

async function mountAt(
  mount: (target: string, image: string) => void,
  prepare?: (image: string) => void,
): Promise<Mount> {
  const dir = await makeTempDir();
  const [target, image] = [path.join(dir.path, 'mount'), path.join(dir.path, 'image')];
  await mkdir(target);
  try {
    prepare?.(image);
    mount(target, image);
  } catch (error) {
    await dir[Symbol.asyncDispose]();
    throw error;
  }
  return {
    path: target,
    fill: (name = 'filler') => fill(path.join(target, name)),
    remount: (options) => run('mount', '-o', `remount,${options}`, target),
    repair() {
      run('umount', target);
      // Exits with 1 if there was something to repair.
      run('sh', '-c', 'e2fsck -fy "$0" || [ $? -eq 1 ]', image);
      mount(target, image);
    },
    afterPowerCut: () => mountAt(mountImage, (copy) => run('cp', '--sparse=always', image, copy)),
    async [Symbol.asyncDispose]() {
      run('umount', target);
      await rm(dir.path, { recursive: true });
    },
  };
}

function fill(file: string): () => void {
  const descriptor = openSync(file, 'w');
  for (let size = 64 * 1024; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeSync(descriptor, Buffer.alloc(size, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(descriptor);
  return () => rmSync(file);
}
