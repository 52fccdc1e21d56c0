import type { Command } from 'commander';
import { clientReasons, LeatError, type UploadProgress, type UploadResult } from '../client/index.js';
import { createUploadId } from '../client/upload/upload-id.js';
import { usageError } from './cli-error.js';
import { createConnectionNotices } from './connection-notices.js';
import { formatBlobJson } from './format-blob.js';
import { formatBytes } from './progress.js';
import type { GlobalOptions, Session } from './session.js';
import { openTransferProgress } from './transfer-progress.js';
import { describeAmount, explainTransfer, isResumable } from './transfer-report.js';
import { findInput, type InputOptions, type UploadInput } from './upload-input.js';

interface UploadOptions extends GlobalOptions, InputOptions {
  readonly json?: boolean;
}

/** Tries in a row over a lost connection: a service may be away for about a minute. The same command goes on later. */
const MAX_ATTEMPTS = 30;

export function addUploadCommand(program: Command, session: Session): void {
  program
    .command('upload')
    .summary('upload files, and print the ids of their blobs')
    .description(
      'Uploads each FILE and prints the id of its blob, a line each. An upload goes on after a lost connection and a\n' +
        'restarted server; Ctrl-C leaves it, and the same command goes on where it was, for as long as the file is not\n' +
        'changed. A file that is a blob already is compared and not sent again.',
    )
    .argument('<file...>', 'what to upload; "-" is the standard input')
    .option('--name <name>', 'a name for people (default: the last part of the path)')
    .option('--type <type>', 'media type (default: by the ending of the name)')
    .option('--id <id>', 'id of the blob (default: made of where the file is, its size and time, name and type)')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', examples)
    .action((files: string[], _options: unknown, command: Command) =>
      upload(session, files, command.optsWithGlobals<UploadOptions>()),
    );
}

const examples = `
The id is chosen before the first byte is sent, from the file alone: nothing is kept on this machine. The standard input
has none, so to go on with it after Ctrl-C give an --id, and the same input from its beginning.

Examples:
  $ leat upload photo.jpg video.mp4
  $ id=$(leat upload build/app.tar.gz --name app-1.2.tar.gz)
  $ pg_dump shop | zstd | leat upload - --name shop.sql.zst --id shop-2026-01-31
  $ leat upload report.pdf --json | jq -r .sha256`;

async function upload(session: Session, files: readonly string[], options: UploadOptions): Promise<void> {
  if (files.length > 1 && (options.id ?? options.name) !== undefined) {
    throw usageError('--id and --name are for one file');
  }
  // A name that is wrong is told before the first file is sent.
  const inputs = await Promise.all(files.map((file) => findInput(file, options, session.terminal)));
  for (const input of inputs) {
    const { uploadId, blob } = await uploadOne(session, input, options);
    await session.output.write(options.json ? formatBlobJson(blob) : `${uploadId}\n`, session.signal);
  }
}

async function uploadOne(session: Session, input: UploadInput, options: UploadOptions): Promise<UploadResult> {
  const { signal, terminal } = session;
  const { name, contentType, size } = input;
  const uploadId = input.uploadId ?? createUploadId();
  const client = session.client(options);
  const startedAt = performance.now();
  let far: UploadProgress = { uploadId, durable: 0, read: 0, sent: 0, size };
  if (terminal.stdin.isTTY && input.file === '-') session.notice('reading from the terminal; Ctrl-D ends');
  const state = () => ({ position: far.read, size, moved: far.sent, durable: far.durable });
  const progress = openTransferProgress(session, name, state, options.json);
  const connection = createConnectionNotices(progress.notice, 'resuming');
  try {
    const result = await client.upload(await input.open(), {
      uploadId,
      name,
      contentType,
      signal,
      maxAttempts: MAX_ATTEMPTS,
      maxFirstAttempts: 1,
      onProgress: (told) => {
        if (told.durable > far.durable) connection.back();
        far = told;
      },
      onSetback: connection.lost,
    });
    connection.back();
    progress.stop();
    if (terminal.stderr.isTTY && !options.json)
      session.notice(describeResult(name, result, performance.now() - startedAt));
    return result;
  } catch (error) {
    progress.stop();
    throw explainTransfer(error, whatToDo(error, input, far), options.address);
  }
}

function describeResult(name: string, { blob, sent, resumedAt }: UploadResult, elapsedMs: number): string {
  if (sent === 0 && blob.size > 0n) return `${name} was there already, ${formatBytes(Number(blob.size))}`;
  const before = resumedAt === 0 ? '' : `, after ${formatBytes(resumedAt)} that were there`;
  return `uploaded ${name}, ${describeAmount(sent, elapsedMs)}${before}`;
}

function whatToDo(error: unknown, input: UploadInput, far: UploadProgress): string[] {
  if (isResumable(error)) return whereToGoOn(input, far);
  switch (error instanceof LeatError ? error.reason : undefined) {
    case 'UPLOAD_DIFFERS':
    case clientReasons.blobDiffers:
      return [`${far.uploadId} has other content or another owner; give another id with --id`];
    case 'DIGEST_MISMATCH':
    case 'SIZE_MISMATCH':
      return ['the server discarded the upload; the same command starts again from the first byte'];
    default:
      return [];
  }
}

function whereToGoOn({ file, uploadId: chosen }: UploadInput, { uploadId, durable, size }: UploadProgress): string[] {
  if (durable === 0) return [];
  const amount = size === undefined ? formatBytes(durable) : `${formatBytes(durable)} of ${formatBytes(size)}`;
  const how =
    chosen === undefined
      ? `with --id ${uploadId} the same input goes on from there`
      : 'the same command goes on from there';
  return [`${amount} of ${file === '-' ? 'the input' : file} are durable; ${how}`];
}
