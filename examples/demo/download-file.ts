import { createLeatClient } from '../../src/client/index.js';
import { startCuttingProxy } from './cutting-proxy.js';
import { digestOf, type LargeFile } from './large-file.js';
import { megabytes, since, type Report } from './report.js';
import { blobId } from './upload-file.js';

/** Downloads the file over a wire that is cut in the middle, and compares what arrived. */
export async function downloadFile(
  address: string,
  file: LargeFile,
  target: string,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  report.chapter('download', 'the same file back, over a connection that is cut in the middle');
  const start = performance.now();
  let cuts = 0;
  const proxy = await startCuttingProxy(address, {
    direction: 'to-reader',
    at: [Math.round(file.size * (0.4 + Math.random() / 5))],
    onCut(bytes) {
      cuts += 1;
      report.line(`✂ cut after ${megabytes(bytes)}`);
    },
  });
  const client = createLeatClient({ address: proxy.address, user: 'demo' });
  try {
    const { received } = await client.download(blobId, target, { signal });
    report.line(`${megabytes(received)} in ${since(start)}, on from the byte where it was, none twice`);
    report.check(cuts === 1 && received === file.size, 'the connection was cut once, and every byte came once');
  } finally {
    await client.close();
    await proxy.close();
  }
  report.check((await digestOf(target, signal)) === file.digest, 'the two files have the same SHA-256');
}
