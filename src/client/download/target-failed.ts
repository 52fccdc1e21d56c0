import path from 'node:path';
import { isAbortError } from 'abort-controller-x';
import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';

/** What writing failed with, as TARGET_FAILED; what reading failed with, and aborts, stay what they are. */
export function targetFailed(error: unknown, file?: string): unknown {
  if (error instanceof LeatError || isAbortError(error)) return error;
  const what = file === undefined ? 'cannot write' : `cannot write ${file}`;
  return new LeatError(`${what}: ${describe(error, file)}`, {
    code: Status.UNKNOWN,
    reason: clientReasons.targetFailed,
    cause: error,
  });
}

/** The system names the part, which nobody asked for. */
function describe(error: unknown, file: string | undefined): string {
  const { message } = LeatError.from(error);
  const folder = file === undefined ? '' : path.dirname(file);
  switch (file === undefined ? undefined : (error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return `there is no directory ${folder}; create it`;
    case 'ENOTDIR':
      return `${folder} is not a directory`;
    case 'EACCES':
    case 'EPERM':
      return `files cannot be created in ${folder}: permission denied`;
    case 'EROFS':
      return `files cannot be created in ${folder}: read-only file system`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on this disk; free some and download again';
    default:
      return message;
  }
}
