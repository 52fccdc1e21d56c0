import { loadConfig } from '../../src/config.js';
import { serve } from '../../src/server/run.js';

/** A server in a process of its own: `node serve-child.js FLAGS`, with FLAGS as JSON by `ConfigOption.name`. */
const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
process.exit(await serve(loadConfig({ flags })));
