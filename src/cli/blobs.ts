import type { Command } from 'commander';
import type { Blob } from '../../gen/leat/v1/blob.js';
import type { BlobServiceClient } from '../../gen/leat/v1/blob_service.js';
import { formatBlob, formatBlobJson } from './format-blob.js';
import { formatTable, tableStyle, type TableOptions } from './format-table.js';
import { formatAge, formatTime } from './format-time.js';
import { formatBytes } from './progress.js';
import type { GlobalOptions, Session } from './session.js';

interface BlobsOptions extends GlobalOptions {
  readonly etag?: string;
  readonly allowMissing?: boolean;
  readonly json?: boolean;
}

const optionsOf = (command: Command) => command.optsWithGlobals<BlobsOptions>();

/** `leat blobs list`, `show` and `delete`. */
export function addBlobsCommand(program: Command, session: Session): void {
  const blobs = program
    .command('blobs')
    .summary('list, show and delete finished files')
    .description('Finished files. Each one that comes or goes is an event on the topic "sys/blobs".')
    .addHelpText('after', '\nFollow what comes and goes:\n  $ leat tail sys/blobs --follow');
  blobs
    .command('list', { isDefault: true })
    .description('Lists the blobs in the order of their ids. AGE is by the clock of this machine.')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExamples:\n  $ leat blobs\n  $ leat blobs list --json | jq -r .name')
    .action((_options: unknown, command: Command) => list(session, optionsOf(command)));
  blobs
    .command('show')
    .description('Prints one blob: its name, type, size and digest.')
    .argument('<id>', 'the blob')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat blobs show file-d41d8cd98f00b204e9800998ecf8427e')
    .action((id: string, _options: unknown, command: Command) => show(session, id, optionsOf(command)));
  blobs
    .command('delete')
    .description('Removes a blob; its running downloads end, and its id is free again.')
    .argument('<id>', 'the blob')
    .option('--etag <etag>', 'remove only if this is the current etag')
    .option('--allow-missing', 'a blob that is not there is no error')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat blobs delete shop-2026-01-31 --allow-missing')
    .action((id: string, _options: unknown, command: Command) => remove(session, id, optionsOf(command)));
}

async function list(session: Session, options: BlobsOptions): Promise<void> {
  let first = true;
  for await (const page of pages(session.client(options).blobs, session.signal)) {
    const text = options.json
      ? page.map((blob) => formatBlobJson(blob)).join('')
      : formatPage(page, tableStyle(session, first));
    await session.output.write(text, session.signal);
    first = false;
  }
}

async function* pages(service: BlobServiceClient, signal: AbortSignal) {
  let pageToken = '';
  do {
    const page = await service.listBlobs({ pageToken }, { signal });
    pageToken = page.nextPageToken;
    yield page.blobs;
  } while (pageToken !== '');
}

function formatPage(page: readonly Blob[], style: TableOptions): string {
  const now = Date.now();
  const rows = page.map(({ blobId, name, contentType, size, createTime }) => [
    blobId,
    name,
    contentType,
    formatBytes(Number(size)),
    formatTime(createTime),
    formatAge(createTime, now),
  ]);
  return formatTable(['ID', 'NAME', 'TYPE', 'SIZE', 'CREATED', 'AGE'], rows, style);
}

async function show(session: Session, blobId: string, options: BlobsOptions): Promise<void> {
  const { blob } = await session.client(options).blobs.getBlob({ blobId }, { signal: session.signal });
  if (blob === undefined) return;
  await session.output.write(options.json ? formatBlobJson(blob) : formatBlob(blob), session.signal);
}

async function remove(session: Session, blobId: string, options: BlobsOptions): Promise<void> {
  const { etag, allowMissing } = options;
  const request = { blobId, etag, allowMissing };
  const { offset } = await session.client(options).blobs.deleteBlob(request, { signal: session.signal });
  const text = offset === 0n ? `there was no blob ${blobId}` : `deleted ${blobId}`;
  await session.output.write(options.json ? `${JSON.stringify({ blobId, offset: String(offset) })}\n` : `${text}\n`);
}
