import type { Member, RoomView } from '../client/index.js';
import { escapeText } from './escape-text.js';
import { formatPayload } from './format-event.js';
import { nameOf } from './format-message.js';
import { TYPING } from './typing-signal.js';

/** Names that are told one by one; more are counted. */
const MAX_NAMES = 5;

/** Messages on their way that are shown. */
const MAX_PENDING = 3;

/** Who one is, the last that one said (0 if that is nothing), and whether one is on the way out. */
export interface OwnPlace {
  readonly user: string;
  readonly lastOffset: bigint;
  readonly isLeaving: boolean;
}

/** The room in one line: its name, how one is connected, who is there, who is typing, who has read the last message. */
export function formatStatus(name: string, view: RoomView, own: OwnPlace): string {
  const parts = [
    escapeText(name),
    own.isLeaving ? 'leaving' : connection(view),
    presence(view),
    typing(view),
    readers(view, own),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

/** One's own messages that are not durable yet, the oldest first. */
export function formatPending({ pending }: RoomView): string[] {
  const shown = pending.slice(0, MAX_PENDING).map(({ event }) => `… ${formatPayload(event)}`);
  return pending.length > MAX_PENDING ? [...shown, `… and ${pending.length - MAX_PENDING} more`] : shown;
}

function connection({ status }: RoomView): string {
  switch (status) {
    case 'joining':
      return 'connecting';
    case 'rejoining':
      return 'connection lost, trying again';
    case 'replaying':
    case 'fell-behind':
      return 'catching up';
    case 'live':
    case 'ended':
      return '';
  }
}

function presence({ members, memberCount, status }: RoomView): string {
  return status === 'joining' ? '' : `${memberCount} here: ${listUsers(members)}`;
}

function typing({ members, states, memberId: own }: RoomView): string {
  const typists = members.filter(({ memberId }) => memberId !== own && states.get(memberId)?.has(TYPING));
  if (typists.length === 0) return '';
  return `${listUsers(typists)} ${typists.length === 1 ? 'is' : 'are'} typing`;
}

function readers({ readMarks }: RoomView, { user: own, lastOffset }: OwnPlace): string {
  const have = [...readMarks].filter(([user, offset]) => user !== own && lastOffset > 0n && offset >= lastOffset);
  return have.length === 0 ? '' : `✓✓ ${list(have.map(([user]) => user))}`;
}

/** Whose members these are: a user with two devices is named once. */
export function listUsers(members: readonly Member[], maxNames = MAX_NAMES): string {
  return list([...new Set(members.map(({ user }) => user))], maxNames);
}

function list(users: readonly string[], maxNames = MAX_NAMES): string {
  const names = users.slice(0, maxNames).map(nameOf);
  return users.length > maxNames ? `${names.join(', ')} …` : names.join(', ');
}
