import type { Bench } from '../harness/bench.js';
import { append } from './append.js';
import { publish } from './publish.js';
import { replay } from './replay.js';

/** All benches, in the order of `all`. */
export const benches: readonly Bench[] = [append, publish, replay];
