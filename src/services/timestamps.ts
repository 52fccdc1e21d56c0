export { durationFromMs, msFromDuration, msFromTimestamp, timestampFromMs } from '../domain/timestamps.js';
