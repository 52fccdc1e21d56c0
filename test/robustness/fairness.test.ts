import { describe, expect, it } from '@jest/globals';
import { TailState } from '../../gen/leat/v1/event.js';
import { EventServiceDefinition } from '../../gen/leat/v1/event_service.js';
import { UserServiceDefinition } from '../../gen/leat/v1/user_service.js';
import { fillTopic, startRig } from './leat-rig.js';

const EVENTS = 1_000_000;
const UNIT = 10_000;

describe('a filter that matches nothing in a million events', () => {
  it('lets other calls be served while it looks at them', async () => {
    await using rig = await startRig();
    for (let count = 0; count < EVENTS; count += UNIT) await fillTopic(rig.store, 'hay', UNIT, 8);
    const users = rig.test.client(UserServiceDefinition);
    const pages = rig.test
      .client(EventServiceDefinition)
      .listEvents({ topic: 'hay', filter: { subjects: ['needle'] } });
    let scanning = true;
    let served = 0;
    const serve = async () => {
      for (; scanning; served++) await users.listUsers({});
    };
    const serving = serve();
    let last;
    for await (const page of pages) last = page;
    scanning = false;
    await serving;
    expect(last).toMatchObject({ records: [], readOffset: BigInt(EVENTS), state: TailState.TAIL_STATE_COMPLETE });
    // A page looks at 4,096 events at most, and between two pages there is a turn for others.
    expect(served).toBeGreaterThan(EVENTS / 4_096 / 4);
  });
});
