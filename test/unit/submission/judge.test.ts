import type { DetectorResult } from '../../../src/contract/detector-result';
import { Judge, type JudgeDependencies } from '../../../src/submission/judge';
import { finding, success } from '../domain/support';
import { answerWith } from './support';

const bench = {
  tenantId: 'acme',
  policyBundle: 'default',
  environment: 'dev',
  correlationId: 'corr',
  traceparent: null,
  asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  receivedAt: Date.now(),
  deadline: Date.now() + 600_000,
} as const;
const exhibit = { content: 'a@b.c wrote', contentType: 'text', routingTokens: [] } as const;
const pii = (overrides: Partial<DetectorResult> = {}) =>
  success('pii', 'email', 0.9, { findings: [{ ...finding('email', 0.9), start: 0, end: 5 }], ...overrides });

function judge(...results: DetectorResult[]) {
  const answer = answerWith(200, {
    detector_results: results,
    aggregated_payload: null,
    routing_decision: { policy_version: '1.2' },
  });
  const reading: ReturnType<JudgeDependencies['readingOf']> = {
    categoryOf: (_detector, label) => (label === 'email' ? 'PII.Contact.Email' : null),
    benignLabels: new Set(['clean']),
    ignoredCategories: [],
    threshold: 0.5,
    maskedCategories: ['PII'],
  };
  return new Judge({
    submission: { submit: () => Promise.resolve({ ...answer, requestId: 'r', jobId: null }) },
    hub: { wait: () => Promise.reject(new Error('there is nothing to wait for')) },
    readingOf: () => reading,
  }).judge(bench, exhibit);
}

describe('Judge', () => {
  it('masks what the bundle lets it, and says who judged', async () => {
    expect(await judge(pii(), success('other', 'clean'))).toMatchObject({
      flagged: true,
      masked: '[REDACTED:PII.Contact.Email] wrote',
      shortfall: null,
      judgedBy: ['pii', 'other'],
      policyVersion: '1.2',
    });
  });

  it('masks nothing where more was found than is listed', async () => {
    const cut = pii({ findings_truncated: true });
    expect(await judge(cut)).toMatchObject({ flagged: true, masked: null });
    expect(
      (await judge(pii(), success('other', 'clean', 0.9, { findings_truncated: true }))).masked,
    ).toBeNull();
  });

  it('masks nothing where the detector itself has listed less than it found', async () => {
    const unjudged = [{ reason: 'findings_truncated' as const, start: null, end: null, labels: null }];
    expect((await judge(pii({ unjudged }))).masked).toBeNull();
  });
});
