import { Readable } from 'node:stream';
import { tokenGiven } from '../../../src/cli/token-given';

describe('A token that a command is about', () => {
  it('comes on standard input where it should not be among the arguments', async () => {
    expect(
      await tokenGiven('-', Readable.from([Buffer.from('head.bo'), Buffer.from('dy.signature\n')])),
    ).toBe('head.body.signature');
  });

  it('may be an argument, and then nothing is read', async () => {
    const unread = Readable.from(['another']);
    expect(await tokenGiven('head.body.signature', unread)).toBe('head.body.signature');
    expect(unread.readableDidRead).toBe(false);
  });
});
