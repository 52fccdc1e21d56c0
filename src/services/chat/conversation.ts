import type { Hello, JoinRoom, MarkRead, RoomProblem, SetState } from '../../../gen/leat/v1/chat_service.js';
import {
  anonymousCaller,
  helloRequired,
  helloTimeout,
  notAMember,
  offsetBeyondHead,
  sessionTakenOver,
  tooManyRooms,
  unknownFrame,
} from '../../domain/chat/chat-errors.js';
import { MAX_ROOMS_A_STREAM } from '../../domain/chat/chat-limits.js';
import { readHello, readMarkRead, readRoomName, readSetState } from '../../domain/chat/chat-requests.js';
import { type Entrance, findEntrance } from '../../domain/chat/enter-room.js';
import { topicOf } from '../../domain/chat/room-name.js';
import type { Session, SessionHolder } from '../../domain/chat/sessions.js';
import { isDomainError } from '../../domain/errors.js';
import { detach } from '../../streams/detach.js';
import { timestampFromMs } from '../../domain/timestamps.js';
import type { DirectCall, DirectHandler } from '../../middleware/call-context.js';
import type { EncodedChatRequest } from './chat-codec.js';
import type { ChatRooms } from './chat-rooms.js';
import { encodeFrame } from './frames.js';
import { Membership } from './membership.js';
import { encodeProblem } from './problems.js';
import { Pump } from './pump.js';
import { Sends } from './sends.js';

/** Answers that may wait for a member, sends that are not durable yet among them; then nothing more is read of it. */
const MAX_ANSWERS = 256;

/** One stream of one member: what it asks for is carried out in order, and what it is told goes through its pump. */
export class Conversation implements SessionHolder, DirectHandler<EncodedChatRequest> {
  private session: Session | undefined;
  private readonly memberships = new Map<string, Membership>();
  private readonly pump: Pump;
  private readonly sends: Sends;
  private readonly onLost = (lost: Membership, error: unknown) => this.lose(lost, error);
  private isClosed = false;
  /** Pings that wait for their turn. */
  private pings = 0;
  /** Called when fewer answers wait. */
  private onAnswered: (() => void) | undefined;

  constructor(
    private readonly chat: ChatRooms,
    private readonly call: DirectCall,
  ) {
    this.pump = new Pump(call, chat.takeTurn, () => this.onAnswered?.());
    this.sends = new Sends(chat, call, this.pump, {
      onDelivered: (room, offset) => this.memberships.get(room)?.noteOwnMessage(offset),
      onSettled: () => this.onAnswered?.(),
    });
    chat.heartbeats.set(this, chat.heartbeatMs);
    chat.hellos.set(this, chat.helloMs);
  }

  /**
   * Carries out one frame. The next one must wait for the promise, if there is one.
   * Errors, which end the stream: `invalid` HELLO_REQUIRED, UNKNOWN_FRAME, or with all violations.
   */
  receive(frame: EncodedChatRequest): Promise<void> | undefined {
    const working = this.carryOut(frame);
    if (working) return working.then(() => this.roomForAnswers());
    return this.answersWaiting < MAX_ANSWERS ? undefined : this.roomForAnswers();
  }

  /**
   * The member said that it is leaving: it does so at once, and others are told. Resolves when what it sent was carried
   * out and answered, and it was told the messages of each room up to its own last one.
   */
  async finish(): Promise<void> {
    const memberships = [...this.memberships.values()];
    if (this.session) this.chat.sessions.close(this.session, this, false);
    // A newer stream may have the session from now on.
    this.session = undefined;
    await Promise.all(memberships.map(({ seat }) => this.chat.marks.flush(seat.room, seat.member.user)));
    // Now it is known where its messages are.
    await this.roomForAnswers(1);
    await Promise.all(memberships.map((membership) => this.finishRoom(membership)));
    await this.roomForAnswers(1);
  }

  private async finishRoom(membership: Membership): Promise<void> {
    await membership.hasOwnMessages();
    if (this.memberships.get(membership.seat.room.name) === membership) await this.part(membership);
  }

  /** The stream is over. Its members stay for the grace period, unless it has finished. */
  close(): void {
    this.isClosed = true;
    this.chat.hellos.clear(this);
    this.chat.heartbeats.clear(this);
    detach(this.leaveAll());
    this.pump.close();
    if (this.session) this.chat.sessions.close(this.session, this, true);
    this.onAnswered?.();
  }

  takenOver(): void {
    this.call.fail(sessionTakenOver());
  }

  /** Its first frame did not come in time: a stream that says nothing must not live as long as its connection. */
  helloIsLate(): void {
    this.call.fail(helloTimeout(this.chat.helloMs));
  }

  /** Says that the connection lives, if nothing else was said for long enough. */
  heartbeat(): void {
    const { heartbeatMs, heartbeats } = this.chat;
    const quietMs = performance.now() - this.pump.lastWriteAt;
    if (quietMs >= heartbeatMs && this.pump.hasRoom) {
      const serverTime = timestampFromMs(Date.now());
      this.pump.write(encodeFrame({ $case: 'heartbeat', value: { serverTime } }));
    }
    heartbeats.set(this, quietMs >= heartbeatMs ? heartbeatMs : heartbeatMs - quietMs);
  }

  private get answersWaiting(): number {
    return this.pump.answersWaiting + this.sends.waiting + this.pings;
  }

  private async roomForAnswers(max = MAX_ANSWERS): Promise<void> {
    while (!this.isClosed && this.answersWaiting >= max) {
      await new Promise<void>((resolve) => (this.onAnswered = resolve));
      this.onAnswered = undefined;
    }
  }

  private carryOut(frame: EncodedChatRequest): Promise<void> | undefined {
    if (!frame) throw unknownFrame();
    if (frame.$case === 'hello') return this.open(frame.value);
    const { session } = this;
    if (!session) throw helloRequired(true);
    switch (frame.$case) {
      case 'join':
        return this.join(session, frame.value);
      case 'leave':
        return this.leave(readRoomName('leave', frame.value));
      case 'send': {
        const room = readRoomName('send', frame.value);
        return this.sends.add(frame.value, this.memberships.has(room));
      }
      case 'setState':
        return this.setState(frame.value);
      case 'markRead':
        return this.markRead(session, frame.value);
      case 'pause':
        return this.withMember(readRoomName('pause', frame.value), undefined, (membership) =>
          membership.setPaused(frame.value.paused),
        );
      case 'ping':
        return this.ping(frame.value.nonce);
      case 'authenticate':
        // There is no authentication yet: nothing to renew.
        return undefined;
    }
  }

  private open(hello: Hello): undefined {
    if (this.session) throw helloRequired(false);
    const { caller: user, connection } = this.call;
    this.session = this.chat.sessions.open({ user, connection }, readHello(hello), this);
    this.chat.hellos.clear(this);
  }

  private async join(session: Session, join: JoinRoom): Promise<void> {
    const room = readRoomName('join', join);
    const known = this.memberships.get(room);
    if (known) return this.pump.answer(() => known.enter());
    try {
      if (this.memberships.size >= MAX_ROOMS_A_STREAM) throw tooManyRooms();
      const { rooms, store } = this.chat;
      const entrance = await findEntrance(store, rooms, join);
      // All others may have left the room meanwhile, and what was known of it went with them. The start stays.
      const isForgotten = !entrance.cursors && !rooms.find(room);
      const cursors = isForgotten ? await store.listCursors(topicOf(room)) : entrance.cursors;
      // The stream may have ended, or lost its session, meanwhile.
      if (!this.isClosed) this.enter(session, join, { ...entrance, cursors });
    } catch (error) {
      this.tell(room, error, { $case: 'join', value: join });
    }
  }

  private enter(session: Session, join: JoinRoom, { after, afterTimeMs, cursors, head }: Entrance): void {
    const { chat } = this;
    // Before there is a room that nobody would be in.
    chat.sessions.checkSeat(session, join.room);
    const room = chat.rooms.open(join.room);
    if (room.marks === undefined) chat.marks.load(room, cursors ?? []);
    const seat = chat.sessions.enter(session, room, join.hidden);
    const feed = chat.feedOf(room, head);
    const membership = new Membership({ seat, feed, pump: this.pump, after, afterTimeMs, onLost: this.onLost });
    this.memberships.set(join.room, membership);
    feed.add(membership);
    this.pump.answer(() => membership.enter());
  }

  private leave(room: string): undefined {
    const membership = this.memberships.get(room);
    if (!membership || !this.session) return;
    detach(this.part(membership));
    this.chat.sessions.leave(this.session, membership.seat);
  }

  /** The messages cannot be read any further. */
  private lose(membership: Membership, error: unknown): void {
    const { room } = membership.seat;
    if (!isDomainError(error)) return this.call.fail(error);
    detach(this.part(membership));
    if (this.session) this.chat.sessions.abandon(this.session, membership.seat);
    this.tell(room.name, error, { $case: 'removed', value: true });
  }

  private async leaveAll(): Promise<void> {
    await Promise.all([...this.memberships.values()].map((membership) => this.part(membership)));
  }

  /** The stream hears no more of the room; the member is still there. Resolves when what it has read is stored. */
  private part(membership: Membership): Promise<void> {
    const { chat } = this;
    const { room, member } = membership.seat;
    this.memberships.delete(room.name);
    chat.leaveFeed(membership.feed, membership);
    return chat.marks.flush(room, member.user);
  }

  private setState(frame: SetState): undefined {
    const { room, key, ttlMs, value } = readSetState(frame);
    const { liveState } = this.chat;
    return this.withMember(room, { $case: 'key', value: key }, ({ seat }) => {
      if (value) liveState.set(seat.room, seat.member, key, value, ttlMs);
      else liveState.remove(seat.member, key);
    });
  }

  private async markRead({ user }: Session, frame: MarkRead): Promise<void> {
    const { room, offset } = readMarkRead(frame);
    const membership = this.memberships.get(room);
    const refuse = (error: unknown, of: number) => this.tell(room, error, { $case: 'markOffset', value: BigInt(of) });
    try {
      if (!membership) throw notAMember(room);
      if (user === '') throw anonymousCaller();
      const { seat, feed } = membership;
      const head = offset > feed.head ? ((await this.chat.store.topic(seat.room.topic))?.headOffset ?? 0) : offset;
      if (offset > head) throw offsetBeyondHead(room, offset, head);
      this.chat.marks.move(seat.room, user, offset, !seat.member.isHidden, refuse);
    } catch (error) {
      refuse(error, offset);
    }
  }

  /** Behind those who have something to say now, each of whom has a turn before it. */
  private ping(nonce: bigint): undefined {
    this.pings++;
    this.pump.ask({
      serve: () => {
        this.pings--;
        this.pump.answer(() => encodeFrame({ $case: 'pong', value: { nonce } }));
      },
    });
  }

  private withMember(room: string, about: RoomProblem['about'], act: (membership: Membership) => void): undefined {
    try {
      const membership = this.memberships.get(room);
      if (!membership) throw notAMember(room);
      act(membership);
    } catch (error) {
      this.tell(room, error, about);
    }
  }

  private tell(room: string, error: unknown, about?: RoomProblem['about']): void {
    const frame = encodeProblem(room, error, about);
    this.pump.answer(() => frame);
  }
}
