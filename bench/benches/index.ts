import type { Bench } from '../harness/bench.js';
import { append } from './append.js';
import { download } from './download.js';
import { echo } from './echo.js';
import { fanout } from './fanout.js';
import { idle } from './idle.js';
import { loop } from './loop.js';
import { memory } from './memory.js';
import { publish } from './publish.js';
import { replay } from './replay.js';
import { rtt } from './rtt.js';
import { tail } from './tail.js';
import { unary } from './unary.js';
import { upload } from './upload.js';

/** All benches, in the order of `all`. */
export const benches: readonly Bench[] = [
  append,
  publish,
  replay,
  tail,
  unary,
  upload,
  download,
  rtt,
  memory,
  loop,
  fanout,
  echo,
  idle,
];
