import { firstResultAfter, longestGap, type RequestKind, tallyOf, Trail } from '../../chaos/trail';

const at = (ms: number): string => new Date(ms).toISOString();

function trail(kind: RequestKind = 'sync', tell: (trail: Trail) => void = () => undefined): Trail {
  const made = new Trail('key', kind, 'content');
  tell(made);
  return made;
}

describe('what a caller was told', () => {
  it('is answered and sound when every repeat says the same, in whatever order', () => {
    const sound = trail('sync', (t) => {
      t.conclude('completed', { a: 1, b: { c: 2, d: 3 } }, at(10), 20);
      t.conclude('completed', { b: { d: 3, c: 2 }, a: 1 }, at(10), 90);
    });
    expect([sound.ended, sound.failed, sound.lost, sound.contradictory]).toEqual([true, false, false, false]);
  });

  it('is contradictory when a repeat says anything else', () => {
    const other = trail('sync', (t) => {
      t.conclude('completed', { timestamp: 1 }, at(10), 20);
      t.conclude('completed', { timestamp: 2 }, at(10), 30);
    });
    const twoJobs = trail('job', (t) => t.jobIds.add('job-1').add('job-2'));
    const refusedLater = trail('sync', (t) => {
      t.conclude('completed', {}, at(10), 20);
      t.refusals.push('409 INVALID_REQUEST');
    });
    expect([other, twoJobs, refusedLater].map(({ contradictory }) => contradictory)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('is lost when what was accepted never ends, or is not there any more', () => {
    const endless = trail('job', (t) => void (t.accepted = true));
    const vanished = trail('job', (t) => {
      t.conclude('completed', {}, at(10), 20);
      t.vanished = 'its job: 404';
    });
    const neverAccepted = trail();
    expect([endless, vanished, neverAccepted].map(({ lost }) => lost)).toEqual([true, true, false]);
    expect(tallyOf([endless, vanished, neverAccepted])).toEqual({
      sent: 3,
      accepted: 2,
      answered: 1,
      failed: 0,
      unanswered: 1,
      lost: 2,
      contradictory: 0,
    });
  });
});

describe('the first result', () => {
  const before = trail('sync', (t) => t.conclude('completed', {}, at(900), 1500));
  const sync = trail('sync', (t) => t.conclude('completed', {}, at(1200), 1250));
  const job = trail('pooled', (t) => {
    t.jobIds.add('job-1');
    t.conclude('completed', {}, at(1100), 9000);
  });

  it('was made after mending: an answer counts when it is there, a job when it was done', () => {
    expect(firstResultAfter([before, sync], 1000)).toBe(250);
    expect(firstResultAfter([before, sync, job], 1000)).toBe(100);
  });

  it('is missed when there is none', () => {
    expect(firstResultAfter([before, trail('job')], 1000)).toBeNull();
  });
});

it('the longest gap counts from the first request', () => {
  expect(longestGap(0, [700, 100, 150])).toBe(550);
  expect(longestGap(0, [300, 400])).toBe(300);
});
