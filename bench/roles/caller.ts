import { CreateUserRequest, GetUserRequest } from '../../gen/leat/v1/user_service.js';
import { frame } from '../load/events.js';
import { createFrameSplitter } from '../load/frames.js';
import { rawConnection } from '../load/raw-call.js';
import { playRole, roleOptions } from '../processes/play-role.js';

export interface CallerOptions {
  readonly port: number;
}

const USER_ID = 'bench-user';
const GET_USER = '/leat.v1.UserService/GetUser';
const AT_A_TIME = 16;

const { port } = roleOptions<CallerOptions>();
const connection = await rawConnection(port);
const getUser = frame(
  GetUserRequest.encode(GetUserRequest.fromPartial({ key: { $case: 'userId', value: USER_ID } })).finish(),
);

async function call(path: string, request: Buffer): Promise<Buffer> {
  const { stream, done } = connection.call(path);
  let answer: Buffer = Buffer.alloc(0);
  stream.on(
    'data',
    createFrameSplitter((message) => (answer = message)),
  );
  stream.end(request);
  await done;
  return answer;
}

const commands = {
  /** Makes the user that is asked for. */
  async createUser(): Promise<void> {
    const user = {
      userId: USER_ID,
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      attributes: new Map([['team', 'engines']]),
    };
    const request = CreateUserRequest.fromPartial({ user });
    await call('/leat.v1.UserService/CreateUser', frame(CreateUserRequest.encode(request).finish()));
  },

  /** One call, and the bytes of its answer. */
  getUser: (): Promise<Uint8Array> => call(GET_USER, getUser),

  /** So many calls, 16 at a time on one connection. */
  async getUsers(calls: number): Promise<void> {
    let left = calls;
    const oneAfterTheOther = async () => {
      while (left-- > 0) await call(GET_USER, getUser);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, oneAfterTheOther));
  },
};

export type CallerRole = typeof commands;

playRole(commands);
