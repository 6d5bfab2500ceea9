import { overloadRow } from '../../../bench/overload-row';

const sample = {
  windowMs: 2_000,
  sent: 20,
  latenciesMs: { '200': [100, 2_000, 2_001], '206': [300], '202': [1_500, 2_500], '403': [1, 2, 3, 4] },
  network: 2,
  answered: {},
};

describe('overloadRow', () => {
  const row = overloadRow('conclave', 3, 30, sample, 12.34);

  it('tells verdicts, jobs and refusals apart, a second', () => {
    expect(row).toMatchObject({
      sent_rps: 10,
      verdicts_rps: 2,
      jobs_rps: 1,
      refused_rps: 2,
      judged_rps: 12.3,
    });
  });

  it('holds the admitted, not the refused, to the SLA', () => {
    expect(row.inside_sla).toBe(0.6667);
  });

  it('counts as goodput the verdicts inside the SLA alone', () => {
    expect(row.goodput_rps).toBe(1.5);
  });

  it('says nothing of the SLA where nobody was admitted', () => {
    const refused = { ...sample, latenciesMs: { '403': [1] } };
    expect(overloadRow('conclave', 3, 30, refused, 0)).toMatchObject({ inside_sla: null, p50_ms: null });
  });
});
