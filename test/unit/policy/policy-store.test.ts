import { type PutPolicy, putPolicySchema, type StoredState } from '../../../src/contract/policy-store';
import { bundleDigest, noRules } from '../../../src/policy/bundle';
import { readDocument } from '../../../src/policy/bundle-document';
import { fixtureFault } from '../../../src/policy/fixtures';
import { unreadable } from '../../../src/policy/judge';
import { LivePolicies } from '../../../src/policy/live-policies';
import type { PolicyBackend } from '../../../src/policy/policy-backend';
import { PolicyChanges } from '../../../src/policy/policy-changes';
import { PolicyStore } from '../../../src/policy/policy-store';
import { stateOf } from './samples';

const name = { tenant_id: 'acme', policy_bundle: 'chat' };
const ann = { principal: 'ann', requestId: 'r', correlationId: null };
const put = (fields: Partial<PutPolicy> = {}) =>
  putPolicySchema.parse({
    policy: { required_detectors: ['pii'], coverage_calculation: { calculation_method: 'required_set' } },
    ...fields,
  });

/** Over a backend in memory that another editor changes before each of the first `others` commits. */
function storeWith({ others = 0, warnings = 0, broken = false, quota = null as number | null } = {}) {
  const documents = new Map<string, Buffer>();
  const asked: unknown[] = [];
  let stored: StoredState | null = null;
  const backend: PolicyBackend = {
    kind: 'file',
    read: async () => stored,
    async commit(change) {
      asked.push(change.maxBundles);
      if (change.maxBundles === 0) return 'full';
      const revision = String(Number(stored?.revision ?? 0) + 1);
      if (others-- > 0) {
        const versions = [...(stored?.state.versions ?? [])];
        versions.push({ ...stateOf('chat').versions[0]!, version: `1.${versions.length}` });
        stored = { state: { ...stateOf('chat'), versions }, revision };
        return 'stale';
      }
      for (const { digest, document } of change.documents) documents.set(digest, document);
      stored = { state: change.state, revision };
      return 'committed';
    },
    async news() {
      if (broken) throw new Error('the store is down');
      return [];
    },
    document: async (digest) => documents.get(digest) ?? null,
  };
  const told: unknown[] = [];
  const live = new LivePolicies({
    news: () => backend.news(),
    load: async () => null,
    onHint: () => undefined,
    failed: (error) => void told.push(error),
    maxBytes: 1024,
  });
  const calls = { judge: 0 };
  const store = new PolicyStore({
    changes: new PolicyChanges(
      backend,
      () => live.catchUp(),
      () => quota,
    ),
    async judge({ policy, sources, fixtures }) {
      calls.judge += 1;
      const errors = fixtures.map((fixture) => fixtureFault(fixture, { kind: 'no_rule' })!);
      const missing_detectors = Array.from({ length: warnings }, (_, n) => String(n));
      return {
        judgement: { ...unreadable(errors), version: policy.version, missing_detectors },
        bundle: { policy, digest: bundleDigest(policy, sources), wasm: null, rules: noRules },
      };
    },
    requireApproval: false,
    now: () => new Date(),
  });
  return { store, calls, documents, told, asked };
}

describe('the policy store', () => {
  it('judges what is put once, however many others are faster', async () => {
    const { store, calls, documents } = storeWith({ others: 3 });
    const made = await store.put(name, put(), ann);
    expect([made.version, calls]).toEqual(['1.3', { judge: 1 }]);
    const { bundle } = readDocument(documents.get(made.checksum)!);
    expect([bundle.policy.version, bundle.digest]).toEqual(['1.3', made.checksum]);
  });

  it('makes a new bundle within the quota, and changes those that there are whatever that is [F.4]', async () => {
    const { store, asked } = storeWith({ quota: 1 });
    await store.put(name, put(), ann);
    await store.put(name, put(), ann);
    await store.remove(name, ann);
    await store.put(name, put(), ann);
    expect(asked).toEqual([1, undefined, undefined, 1]);
    await expect(storeWith({ quota: 0 }).store.put(name, put(), ann)).rejects.toMatchObject({
      status: 400,
      detail: 'quota_exceeded',
    });
  });

  it('refuses with the report what decides otherwise than its fixtures say, and keeps what it has [2.2]', async () => {
    const { store } = storeWith();
    await store.put(name, put(), ann);
    const fixtures = [{ name: 'half', decision: 'coverage', expect: { coverage_met: true } }];
    await expect(store.put(name, put({ fixtures }), ann)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      detail: 'policy_invalid',
      fieldErrors: [{ path: 'fixtures', message: 'half: the Rego does not decide coverage' }],
      details: {
        report: {
          is_valid: false,
          policy_version: '1.1',
          violations: [{ violation_type: 'rego_test_failed', severity: 'high' }],
        },
      },
    });
    expect(await store.get(name)).toMatchObject({ version: '1.0', active: true });
  });

  it('answers a change that is committed, though this process cannot see it yet', async () => {
    const { store, told } = storeWith({ broken: true });
    expect(await store.put(name, put(), ann)).toMatchObject({ version: '1.0', active: true });
    expect(told).toHaveLength(1);
  });

  it('gives the active version and, where there is none, none that was not named [2.2]', async () => {
    const { store } = storeWith();
    await store.put(name, put({ draft: true }), ann);
    await expect(store.get(name)).rejects.toMatchObject({ status: 404, detail: 'version_not_found' });
    expect(await store.get(name, '1.0')).toMatchObject({ version: '1.0', status: 'draft' });
    await store.put(name, put(), ann);
    expect(await store.get(name)).toMatchObject({ version: '1.1', active: true });
  });

  it('keeps fifty warnings at most', async () => {
    const warningsOf = async (warnings: number) =>
      (await storeWith({ warnings }).store.put(name, put(), ann)).conflict_warnings;
    expect(await warningsOf(50)).toHaveLength(50);
    const many = await warningsOf(180);
    expect([many.length, many.at(-1)]).toEqual([50, 'and 131 more']);
  });

  it('does not show who has submitted a draft as a part of the version', async () => {
    const { store } = storeWith();
    await store.put(name, put({ draft: true }), ann);
    const shown = await store.submit(name, '1.0', { ...ann, principal: 'bob' });
    expect(shown).not.toHaveProperty('submitted_by');
    const approve = { decision: 'approve', note: '', activate: true } as const;
    await expect(store.review(name, '1.0', approve, { ...ann, principal: 'bob' })).rejects.toMatchObject({
      detail: 'approver_is_submitter',
    });
  });
});
