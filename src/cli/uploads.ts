import type { Command } from 'commander';
import { Upload, type UploadServiceClient } from '../../gen/leat/v1/upload_service.js';
import { escapeJson } from './escape-text.js';
import { formatTable, tableStyle, type TableOptions } from './format-table.js';
import { formatAge, formatTime } from './format-time.js';
import { formatBytes } from './progress.js';
import type { GlobalOptions, Session } from './session.js';

interface UploadsOptions extends GlobalOptions {
  readonly json?: boolean;
}

const optionsOf = (command: Command) => command.optsWithGlobals<UploadsOptions>();

/** `leat uploads list` and `cancel`. */
export function addUploadsCommand(program: Command, session: Session): void {
  const uploads = program
    .command('uploads')
    .summary('list and cancel uploads that are not finished')
    .description('Uploads that are not finished. What nobody goes on with is thrown away when it expires.');
  uploads
    .command('list', { isDefault: true })
    .description("Lists the caller's own uploads in the order of their ids: how much is durable, and until when.")
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExamples:\n  $ leat uploads\n  $ leat uploads list --json | jq -r .uploadId')
    .action((_options: unknown, command: Command) => list(session, optionsOf(command)));
  uploads
    .command('cancel')
    .description('Throws an upload away, with what it has.')
    .argument('<id>', 'the upload')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ leat uploads cancel shop-2026-01-31')
    .action((id: string, _options: unknown, command: Command) => cancel(session, id, optionsOf(command)));
}

async function list(session: Session, options: UploadsOptions): Promise<void> {
  let first = true;
  for await (const page of pages(session.client(options).uploads, session.signal)) {
    const text = options.json ? page.map(formatJson).join('') : formatPage(page, tableStyle(session, first));
    await session.output.write(text, session.signal);
    first = false;
  }
}

async function* pages(service: UploadServiceClient, signal: AbortSignal) {
  let pageToken = '';
  do {
    const page = await service.listUploads({ pageToken }, { signal });
    pageToken = page.nextPageToken;
    yield page.uploads;
  } while (pageToken !== '');
}

function formatJson(upload: Upload): string {
  return `${escapeJson(JSON.stringify({ committedSize: '0', ...(Upload.toJSON(upload) as object) }))}\n`;
}

function formatPage(page: readonly Upload[], style: TableOptions): string {
  const now = Date.now();
  const rows = page.map(({ uploadId, name, committedSize, size, createTime, expireTime }) => [
    uploadId,
    name,
    formatBytes(Number(committedSize)),
    size === undefined ? '-' : formatBytes(Number(size)),
    size ? `${(committedSize * 100n) / size} %` : '-',
    formatAge(createTime, now),
    formatTime(expireTime),
  ]);
  return formatTable(['ID', 'NAME', 'DURABLE', 'SIZE', 'DONE', 'AGE', 'EXPIRES'], rows, style);
}

async function cancel(session: Session, uploadId: string, options: UploadsOptions): Promise<void> {
  await session.client(options).uploads.cancelUpload({ uploadId }, { signal: session.signal });
  await session.output.write(options.json ? `${JSON.stringify({ uploadId })}\n` : `cancelled ${uploadId}\n`);
}
