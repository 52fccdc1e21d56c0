/**
 * Preloaded into a server and its threads (`--import`): SHA-256 and CRC-32C cost nothing, and mean nothing. What is left
 * is what a service without digests would do.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';

const require = createRequire(import.meta.url);
const crypto = require('node:crypto') as Record<string, unknown>;
const crc32 = require('@node-rs/crc32') as Record<string, unknown>;

const nothing = { update: () => nothing, digest: () => Buffer.alloc(32) };
crypto.createHash = () => nothing;
crc32.crc32c = () => 0;
syncBuiltinESMExports();
