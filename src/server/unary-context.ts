import { Metadata as WireMetadata } from '@grpc/grpc-js';
import { type CallContext, Metadata } from 'nice-grpc-common';
import type { LeatCallContext, Outbox } from '../middleware/call-context.js';
import type { CallRecord } from '../middleware/call-record.js';

/** What a unary handler is given. Most look at nothing but their caller, so the rest is made when it is asked for. */
export class UnaryContext implements CallContext, LeatCallContext {
  readonly requestId: string;
  readonly caller: string;
  private ownMetadata: Metadata | undefined = undefined;
  private ownHeader: Metadata | undefined = undefined;
  private ownTrailer: Metadata | undefined = undefined;

  constructor(
    private readonly record: CallRecord,
    private readonly received: WireMetadata,
  ) {
    this.requestId = record.requestId;
    this.caller = record.caller;
  }

  get peer(): string {
    return this.record.peer;
  }

  get signal(): AbortSignal {
    return this.record.signal;
  }

  get outbox(): Outbox {
    return this.record.outbox;
  }

  get metadata(): Metadata {
    if (this.ownMetadata) return this.ownMetadata;
    const metadata = Metadata();
    for (const name of Object.keys(this.received.getMap())) metadata.set(name, this.received.get(name));
    return (this.ownMetadata = metadata);
  }

  get header(): Metadata {
    return (this.ownHeader ??= Metadata());
  }

  get trailer(): Metadata {
    return (this.ownTrailer ??= Metadata());
  }

  /** The header goes out with the answer. */
  sendHeader(): void {
    return undefined;
  }

  /** Adds what the handler set to what is sent. */
  addHeader(to: WireMetadata): void {
    if (this.ownHeader) addAll(this.ownHeader, to);
  }

  /** What it set of the trailer; undefined if it did not. */
  wireTrailer(): WireMetadata | undefined {
    if (this.ownTrailer === undefined) return undefined;
    const trailer = new WireMetadata();
    addAll(this.ownTrailer, trailer);
    return trailer;
  }
}

function addAll(from: Metadata, to: WireMetadata): void {
  for (const [name, values] of from) {
    for (const value of values) to.add(name, typeof value === 'string' ? value : Buffer.from(value));
  }
}
