import { TailState } from '../../../gen/leat/v1/event.js';
import { ChatResponse, type Member as MemberMessage, RoomMessages } from '../../../gen/leat/v1/chat_service.js';
import type { Member } from '../../domain/chat/room.js';
import { timestampFromMs } from '../../domain/timestamps.js';
import type { TokenCodec } from '../../domain/tokens.js';
import { varintSize, writeVarint } from '../../store/encoding/wire.js';
import type { Page } from '../../store/store.js';
import type { ReaderState } from '../../streams/reader-state.js';

/** An encoded ChatResponse with gRPC's length before it, as it goes on the wire. May be shared: do not write to it. */
export type Frame = Uint8Array;

/** `(2 << 3) | LEN`: ChatResponse.messages. */
const MESSAGES_TAG = 0x12;
/** One byte that says "not compressed", four of length. */
const PREFIX_BYTES = 5;

const STATES: Readonly<Record<Exclude<ReaderState, 'complete'>, TailState>> = {
  replaying: TailState.TAIL_STATE_REPLAYING,
  live: TailState.TAIL_STATE_LIVE,
  'fell-behind': TailState.TAIL_STATE_FELL_BEHIND,
};

export function encodeFrame(frame: ChatResponse['frame']): Frame {
  const message = ChatResponse.encode({ frame }).finish();
  const bytes = framed(message.length);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** What the frame of a page says beside the page. */
export interface MessagesHead {
  readonly room: string;
  readonly tokens: TokenCodec;
}

/** Joins the stored records, as they are, with the few fields that go with them. */
export function encodeMessages(
  { room, tokens }: MessagesHead,
  page: Page,
  state: Exclude<ReaderState, 'complete'>,
): Frame {
  const rest = RoomMessages.encode({
    records: [],
    resumeToken: tokens.encode({ offset: page.scannedTo, key: '', commitTimeMs: page.commitTimeMs }),
    readOffset: BigInt(page.scannedTo),
    headOffset: BigInt(page.head),
    state: STATES[state],
    room,
  }).finish();
  const size = page.bytes.length + rest.length;
  const bytes = framed(1 + varintSize(size) + size);
  bytes[PREFIX_BYTES] = MESSAGES_TAG;
  const at = writeVarint(bytes, PREFIX_BYTES + 1, size);
  // The order of fields does not matter on the wire, so the run of records can go first.
  bytes.set(page.bytes, at);
  bytes.set(rest, at + page.bytes.length);
  return bytes;
}

export function toMemberMessage({ memberId, user, joinTimeMs }: Member): MemberMessage {
  return { memberId, user, joinTime: timestampFromMs(joinTimeMs) };
}

function framed(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + size);
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  return bytes;
}
