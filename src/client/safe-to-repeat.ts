import { ChatServiceDefinition, type SendMessageRequest } from '../../gen/leat/v1/chat_service.js';
import { BlobServiceDefinition, type DeleteBlobRequest } from '../../gen/leat/v1/blob_service.js';
import type { CommitCursorRequest, PublishEventRequest } from '../../gen/leat/v1/event_service.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UploadServiceDefinition } from '../../gen/leat/v1/upload_service.js';
import type { CreateUserRequest, DeleteUserRequest } from '../../gen/leat/v1/user_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';

type DeepPartial<T> = { readonly [K in keyof T]?: T[K] extends object | undefined ? DeepPartial<T[K]> : T[K] };
type Rule = (request: unknown) => boolean;

const always: Rule = () => true;
const when =
  <T>(condition: (request: DeepPartial<T>) => boolean): Rule =>
  (request) =>
    condition(request as DeepPartial<T>);

/**
 * A call is repeated only if the first one, should it have happened, makes the second one harmless *and* answered as if
 * it were the first. So UpdateUser is not here (repeated after another's change it would undo that; with an etag it
 * would be refused by its own success), nor UpdateTopic, nor DeleteTopic (it would take what was written in between), nor
 * CancelUpload (it would not find what it cancelled).
 */
const rules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  [UserServiceDefinition.fullName]: {
    GetUser: always,
    ListUsers: always,
    CreateUser: when<CreateUserRequest>(({ user }) => isGiven(user?.userId)),
    DeleteUser: when<DeleteUserRequest>(({ allowMissing }) => allowMissing === true),
  },
  [EventServiceDefinition.fullName]: {
    GetTopic: always,
    ListTopics: always,
    GetProducer: always,
    PublishEvent: when<PublishEventRequest>(({ event }) => isGiven(event?.id)),
    CommitCursor: when<CommitCursorRequest>(({ rewind }) => rewind !== true),
    // It only ever moves forward.
    TrimTopic: always,
  },
  [ChatServiceDefinition.fullName]: {
    GetRoom: always,
    ListRooms: always,
    ListMessages: always,
    SendMessage: when<SendMessageRequest>(({ message }) => isGiven(message?.id)),
  },
  [UploadServiceDefinition.fullName]: {
    GetUpload: always,
    ListUploads: always,
  },
  [BlobServiceDefinition.fullName]: {
    GetBlob: always,
    ListBlobs: always,
    DeleteBlob: when<DeleteBlobRequest>(({ allowMissing }) => allowMissing === true),
  },
};

/** Whether a call may be sent again when nobody knows what became of it. `path` is "/leat.v1.UserService/GetUser". */
export function isSafeToRepeat(path: string, request: unknown): boolean {
  const [, service = '', method = ''] = path.split('/');
  return rules[service]?.[method]?.(request) ?? false;
}

function isGiven(id: unknown): boolean {
  return typeof id === 'string' && id !== '';
}
