import { Status } from 'nice-grpc';
import { clientReasons, LeatError } from '../leat-error.js';
import type { DocumentStart } from './find-start.js';

export function incomplete({ afterOffset }: DocumentStart): LeatError {
  const text = `the room was trimmed up to offset ${afterOffset}, and no snapshot includes that: what nobody else has is lost`;
  return new LeatError(text, { code: Status.DATA_LOSS, reason: clientReasons.documentIncomplete });
}

export function notAnUpdate(offset: bigint, cause: unknown): LeatError {
  const text = `message ${offset} is not an update of a Yjs document; it was passed over`;
  return new LeatError(text, { code: Status.DATA_LOSS, reason: clientReasons.notAnUpdate, cause });
}

export function notSynced(): LeatError {
  const text = 'the document is not complete yet; wait for synced';
  return new LeatError(text, { code: Status.FAILED_PRECONDITION, reason: clientReasons.notSynced });
}

export function providerEnded(): LeatError {
  const text = 'the provider was destroyed before that';
  return new LeatError(text, { code: Status.CANCELLED, reason: clientReasons.closed });
}
