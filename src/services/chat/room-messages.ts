import type { Room as RoomMessage } from '../../../gen/leat/v1/chat_service.js';
import type { Room } from '../../domain/chat/room.js';
import { timestampFromMs } from '../../domain/timestamps.js';
import type { TopicInfo } from '../../store/store.js';

/** leat.v1.Room of what the store tells of its messages and of who is in it. */
export function toRoomMessage(name: string, info: TopicInfo | undefined, room: Room | undefined): RoomMessage {
  return {
    room: name,
    firstOffset: BigInt(info?.firstOffset ?? 1),
    headOffset: BigInt(info?.headOffset ?? 0),
    createTime: info && info.headOffset > 0 ? timestampFromMs(info.createTimeMs) : undefined,
    lastCommitTime: info && info.lastCommitTimeMs > 0 ? timestampFromMs(info.lastCommitTimeMs) : undefined,
    memberCount: room?.memberCount ?? 0,
  };
}
