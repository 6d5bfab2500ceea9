import { proposeEntrySchema } from '../../../src/contract/allow-list';

const proposal = {
  fingerprint: 'f'.repeat(32),
  detector: 'pii',
  label: 'email',
  reason: 'our own address: 例',
  expires_at: '2026-07-01T00:00:00Z',
};
const takes = (fields: object) => proposeEntrySchema.safeParse({ ...proposal, ...fields }).success;

describe('a proposal for an allow-list', () => {
  it.each(['detector', 'label', 'reason'])('says its %s, for who approves it', (field) => {
    expect([takes({}), takes({ [field]: undefined })]).toEqual([true, false]);
  });

  it.each([
    ['works a terminal', '\u001b[2J'],
    ['makes lines', 'ours\nstatus: active'],
    ['turns the direction of the text', '\u202eours'],
  ])('holds no text that %s', (_what, text) => {
    expect([takes({ reason: text }), takes({ label: text })]).toEqual([false, false]);
  });
});
