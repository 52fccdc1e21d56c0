import { createChannel, createClientFactory } from 'nice-grpc';
import { ChatServiceDefinition } from '../../gen/leat/v1/chat_service.js';
import { openChat } from '../support/chat-stream.js';

/** A member in a process of its own, until that is killed: `node member-child.js PORT ROOM`. */
const [, , port = '', room = ''] = process.argv;
const channel = createChannel(`127.0.0.1:${port}`);
const member = openChat(createClientFactory().create(ChatServiceDefinition, channel));
await member.join(room);
await member.ended;
