import type { Command } from 'commander';
import {
  LeatError,
  Status,
  type DownloadProgress,
  type DownloadResult,
  type LeatClient,
  type ReadBlobOptions,
} from '../client/index.js';
import { usageError } from './cli-error.js';
import { createConnectionNotices } from './connection-notices.js';
import { checkOutput, findTarget, isStandardOutput } from './download-target.js';
import { escapeText } from './escape-text.js';
import { formatBlobJson } from './format-blob.js';
import { formatBytes } from './progress.js';
import type { GlobalOptions, Session } from './session.js';
import { openTransferProgress } from './transfer-progress.js';
import { describeAmount, explainTransfer, isResumable } from './transfer-report.js';

interface DownloadOptions extends GlobalOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Tries in a row over a lost connection: a service may be away for about a minute. The same command goes on later. */
const MAX_ATTEMPTS = 30;

export function addDownloadCommand(program: Command, session: Session): void {
  program
    .command('download')
    .summary('download a blob to a file, or to the standard output')
    .description(
      'Downloads a blob and compares its checksums and its SHA-256. The file appears under its name when it is complete;\n' +
        'until then its bytes are in a hidden file (.NAME.leat-….part) in the same folder, and the same command continues\n' +
        'with that, after Ctrl-C too. An existing file is not replaced without --force; one that has the same bytes is\n' +
        'left as it is. Devices and named pipes are written with "-o -" and a redirection.',
    )
    .argument('<id>', 'the blob, as "leat upload" printed it')
    .option(
      '-o, --output <file>',
      'file or folder to write to; "-" is the standard output (default: the name of the blob)',
    )
    .option('--force', 'replace a file that is there')
    .option('--json', 'print the blob, and where it is now, as one line of JSON')
    .addHelpText('after', examples)
    .action((id: string, _options: unknown, command: Command) =>
      download(session, id, command.optsWithGlobals<DownloadOptions>()),
    );
}

const examples = `
Examples:
  $ leat download shop-2026-01-31
  $ leat download shop-2026-01-31 -o backup.zst --force
  $ leat download shop-2026-01-31 -o - | zstd -d | psql shop`;

async function download(session: Session, blobId: string, options: DownloadOptions): Promise<void> {
  const { output, json, force: overwrite, address } = options;
  const isPiped = isStandardOutput(output);
  if (json && isPiped) throw usageError('--json and "-o -" would both write to the standard output');
  if (!isPiped) await checkOutput(output);
  const client = session.client(options);
  // Tells at once that there is no server, or no such blob.
  const { blob } = await client.blobs.getBlob({ blobId }, { signal: session.signal });
  if (blob === undefined) throw new LeatError('the service did not say what the blob is', { code: Status.INTERNAL });
  const file = isPiped ? undefined : await findTarget(blob, output);
  const startedAt = performance.now();
  let far: DownloadProgress | undefined;
  const state = () => ({ position: far?.position ?? 0, size: Number(blob.size), moved: far?.received ?? 0 });
  const progress = openTransferProgress(session, blob.name, state, json);
  const connection = createConnectionNotices(progress.notice, 'resuming');
  const settings: ReadBlobOptions = {
    signal: session.signal,
    maxAttempts: MAX_ATTEMPTS,
    onProgress(told) {
      connection.back();
      far = told;
    },
    onSetback: connection.lost,
  };
  try {
    if (file === undefined) return await pipeOut(session, client, blobId, settings);
    const result = await client.download(blobId, file, { ...settings, overwrite });
    progress.stop();
    const text = json ? jsonResult(result, file) : textResult(result, file, performance.now() - startedAt);
    await session.output.write(text, session.signal);
  } catch (error) {
    progress.stop();
    throw explainTransfer(error, isResumable(error) ? whereToGoOn(file, far) : [], address);
  } finally {
    progress.stop();
  }
}

async function pipeOut({ output, signal }: Session, client: LeatClient, blobId: string, settings: ReadBlobOptions) {
  for await (const bytes of client.readBlob(blobId, settings)) await output.write(bytes, signal);
}

function textResult({ blob, received }: DownloadResult, file: string, elapsedMs: number): string {
  const name = escapeText(file);
  const size = Number(blob.size);
  if (received === 0 && size > 0) return `${name} was there already, ${formatBytes(size)}\n`;
  const before = received === size ? '' : `, after ${formatBytes(size - received)} that were there`;
  return `downloaded ${name}, ${describeAmount(received, elapsedMs)}${before}\n`;
}

function jsonResult({ blob }: DownloadResult, file: string): string {
  return formatBlobJson(blob, { file });
}

function whereToGoOn(file: string | undefined, far: DownloadProgress | undefined): string[] {
  if (far === undefined || far.position === 0 || file === undefined) return [];
  return [`${formatBytes(far.position)} of ${file} are kept; the same command goes on from there`];
}
