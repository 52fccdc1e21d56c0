import type { Bench } from '../harness/bench.js';
import { startRole } from '../processes/start-role.js';
import { temporaryFolder } from '../processes/temporary-folder.js';
import type { FileLoadRole } from '../roles/file-load.js';
import type { FileServerOptions, FileServerRole } from '../roles/file-server.js';
import type { HttpLoadRole } from '../roles/http-load.js';
import { startLeat } from './servers.js';
import { contestant } from './upload.js';

const LEAT = 'leat, checksummed';
const HTTP = 'node http, a file stream piped';
const MIB = 2 ** 20;

/** From the page cache: the file was just written. */
export const download: Bench = {
  name: 'download',
  summary: 'one download after the other of a file of 64 MiB, through the whole service',
  unit: 'MB/s',
  comparisons: [{ ours: LEAT, peer: HTTP, aim: { atLeast: 0.7 } }],
  async open({ quick, seconds }, scope) {
    const fileBytes = (quick ? 1 : 64) * MIB;
    const leat = await startLeat(scope);
    const ofLeat = await scope.use(startRole<FileLoadRole>('file-load', { port: await leat.ask('port') }));
    const { path: dataDir } = await scope.use(temporaryFolder());
    const options: FileServerOptions = { dataDir, fileBytes };
    const http = await scope.use(startRole<FileServerRole>('file-server', options));
    const ofHttp = await scope.use(startRole<HttpLoadRole>('http-load', { port: await http.ask('port') }));
    const blobId = await ofLeat.ask('fill', fileBytes);
    return [
      contestant(LEAT, () => ofLeat.ask('download', { blobId, fileBytes, seconds })),
      contestant(HTTP, () => ofHttp.ask('download', { fileBytes, seconds })),
    ];
  },
};
