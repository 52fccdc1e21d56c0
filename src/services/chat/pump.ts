import { detach } from '../../streams/detach.js';
import type { TakeTurn } from '../../streams/turns.js';
import type { DirectCall } from '../../middleware/call-context.js';
import type { Frame } from './frames.js';

/** Something that has frames for a stream. */
export interface Turn {
  /** Writes some of them, a room's worth at most; asks for another turn if there are more. */
  serve(): Promise<void> | void;
}

/** An answer, encoded when it is its time. */
export type Answer = () => Frame | readonly Frame[];

/** Bytes of a stream that may wait for its socket; what is beyond them stays where it is: in the log. */
const MAX_QUEUED_BYTES = 64 * 1024;

/**
 * One stream's way out. Answers go first; then those who have frames take turns, so that one room's history does not
 * delay another's news. Nothing is asked for more while 64 KiB wait for the socket.
 */
export class Pump {
  /** When something was written, by `performance.now()`. */
  lastWriteAt = performance.now();
  // Made when they are needed: most streams are quiet.
  private answers: Answer[] | undefined = undefined;
  private turns: Set<Turn> | undefined = undefined;
  private isServing = false;
  private isScheduled = false;
  private isClosed = false;

  /** @param onAnswered called when answers went out */
  constructor(
    private readonly call: DirectCall,
    private readonly takeTurn: TakeTurn,
    private readonly onAnswered: () => void,
  ) {
    call.onWritten = () => this.run();
  }

  get answersWaiting(): number {
    return this.answers?.length ?? 0;
  }

  /** Whether a frame can be written now. */
  get hasRoom(): boolean {
    return !this.isClosed && this.call.queuedBytes < MAX_QUEUED_BYTES;
  }

  write(frame: Frame): void {
    if (this.isClosed) return;
    this.lastWriteAt = performance.now();
    this.call.write(frame);
  }

  answer(answer: Answer): void {
    (this.answers ??= []).push(answer);
    this.schedule();
  }

  isWaiting(turn: Turn): boolean {
    return this.turns?.has(turn) ?? false;
  }

  /** Gives a turn behind those who wait. */
  ask(turn: Turn): void {
    (this.turns ??= new Set()).add(turn);
    this.schedule();
  }

  cancel(turn: Turn): void {
    this.turns?.delete(turn);
  }

  close(): void {
    this.isClosed = true;
    this.call.onWritten = undefined;
    this.answers = undefined;
    this.turns = undefined;
  }

  /** After what is going on: all that comes of one commit goes out together. */
  private schedule(): void {
    if (this.isScheduled || this.isClosed) return;
    this.isScheduled = true;
    process.nextTick(() => {
      this.isScheduled = false;
      this.run();
    });
  }

  private run(): void {
    try {
      this.writeAnswers();
      if (!this.isServing) this.serveTurns();
    } catch (error) {
      this.call.fail(error);
    }
  }

  private writeAnswers(): void {
    const { answers } = this;
    if (answers === undefined) return;
    while (this.hasRoom && answers.length > 0) {
      for (const frame of [answers.shift()?.() ?? []].flat()) this.write(frame);
    }
    if (answers.length === 0) this.answers = undefined;
    this.onAnswered();
  }

  private serveTurns(): void {
    while (this.hasRoom && this.turns) {
      const [turn] = this.turns;
      if (!turn) return void (this.turns = undefined);
      this.turns.delete(turn);
      const serving = turn.serve();
      if (serving) return detach(this.waitFor(serving));
    }
  }

  /** It reads from the store: streams that do so without end take turns of the event loop. */
  private async waitFor(serving: Promise<void>): Promise<void> {
    this.isServing = true;
    try {
      await serving;
      if (this.turns && this.turns.size > 0) await this.takeTurn(this.call.signal);
    } catch (error) {
      this.call.fail(error);
    } finally {
      this.isServing = false;
    }
    this.run();
  }
}
