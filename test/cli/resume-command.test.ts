import { describe, expect, it } from '@jest/globals';
import { describeResume } from '../../src/cli/resume-command.js';

const address = '127.0.0.1:50051';

describe('describeResume', () => {
  it('names the topic and the token, and the server and the caller where they are not the default', () => {
    expect(describeResume('orders', { address }, 'AbC_-', 3n)).toBe(
      'to resume: leat tail orders --follow --from AbC_-',
    );
    expect(describeResume('orders', { address: '[::1]:7', user: 'ada' }, 'AbC', 3n)).toBe(
      "to resume: leat tail orders --follow --from AbC --address '[::1]:7' --user ada",
    );
  });

  it('repeats what chooses the events and their form, quoted for a shell', () => {
    const options = {
      address,
      type: ['order.*', 'refund'],
      subject: ["it's"],
      attribute: new Map([['region', 'eu west']]),
      until: { $case: 'beforeOffset', value: 9n } as const,
      limit: 10n,
      json: true,
    };
    expect(describeResume('orders', options, 'T', 4n)).toBe(
      "to resume: leat tail orders --follow --from T --type 'order.*' --type refund --subject 'it'\\''s'" +
        " --attribute 'region=eu west' --until 9 --limit 6 --json",
    );
  });
});
