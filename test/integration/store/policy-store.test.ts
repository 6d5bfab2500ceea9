import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ConclaveError } from '../../../src/contract/errors';
import { type PutPolicy, putPolicySchema } from '../../../src/contract/policy-store';
import { headOf } from '../../../src/domain/policy-lifecycle';
import { canonicalDigest } from '../../../src/policy/bundle';
import { readDocument } from '../../../src/policy/bundle-document';
import { judge } from '../../../src/policy/judge';
import { LivePolicies } from '../../../src/policy/live-policies';
import type { PolicyBackend } from '../../../src/policy/policy-backend';
import { PolicyChanges } from '../../../src/policy/policy-changes';
import { PolicyFiles } from '../../../src/policy/policy-files';
import { migratePolicies } from '../../../src/policy/policy-migration';
import { PolicyStore } from '../../../src/policy/policy-store';
import { type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { hear, Notifications } from '../../../src/store/notifications';
import { PolicyStates, recordingPolicyChanges } from '../../../src/store/policy-states';
import { eventually } from '../../support/eventually';
import { createDatabase, dropDatabase, testServers } from '../../support/system';
import { compilerWith, folderOf, registration } from '../policy-support';

const { databaseUrl } = testServers();
const within1s = { withinMs: 1000, everyMs: 20 };

const put = (policy: Record<string, unknown> = {}, rest: Partial<PutPolicy> = {}): PutPolicy =>
  putPolicySchema.parse({
    policy: {
      required_detectors: ['pii'],
      coverage_calculation: { calculation_method: 'required_set' },
      ...policy,
    },
    ...rest,
  });
const rules = (text: string, tests: Record<string, string> = {}) => ({
  rego: { 'rules/policy.rego': `package orchestration\n\n${text}\n` },
  rego_tests: tests,
});
const ruled = { rego_policy_path: 'rules' };
const enough = 'coverage := {"coverage_met": input.coverage_achieved > 0.5}';

async function refusalOf(act: Promise<unknown>): Promise<ConclaveError> {
  const error: unknown = await act.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ConclaveError) return error;
  throw new Error('nothing was refused', { cause: error });
}

describe.each(['file', 'postgres'] as const)('the policy store in %s', (kind) => {
  const database = `test_${randomUUID().replaceAll('-', '')}`;
  const stops: (() => Promise<void>)[] = [];
  const dir = folderOf({});
  const cacheDir = folderOf({});
  let url: string;
  let db: Db;
  beforeAll(async () => {
    url = await createDatabase(databaseUrl, database);
    await migrate(url);
    db = openDatabase(url, 10);
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await db?.destroy();
    await dropDatabase(databaseUrl, database);
  });

  /** What a process has of it. */
  async function process(options: { opa?: () => Promise<string>; requireApproval?: boolean } = {}) {
    const notifications = new Notifications(db, url);
    await notifications.listen();
    const fail = (_tenant: string, _bundle: string | null, error: unknown): never => {
      throw error;
    };
    const backend: PolicyBackend =
      kind === 'file'
        ? new PolicyFiles(dir, recordingPolicyChanges(db), fail)
        : new PolicyStates(db, notifications, fail);
    const live = new LivePolicies({
      news: () => backend.news(),
      load: async (digest) => {
        const document = await backend.document(digest);
        return document && readDocument(document).bundle;
      },
      onHint: (listener) => hear(notifications, 'policies_changed', listener),
      failed: () => undefined,
      maxBytes: 1024 * 1024,
    });
    await live.start();
    stops.push(async () => {
      live.stop();
      await notifications.close();
    });
    const changes = new PolicyChanges(backend, () => live.refresh());
    const compiler = compilerWith({ cacheDir, ...(options.opa && { opaPath: options.opa }) });
    const store = new PolicyStore({
      changes,
      judge: (candidate) => judge(candidate, { compiler, detectors: [registration('pii')] }),
      requireApproval: options.requireApproval ?? false,
      now: () => new Date(),
    });
    return { backend, live, changes, store };
  }
  const someBundle = () => ({ tenant_id: 'acme', policy_bundle: `b-${randomUUID()}` });
  const by = (principal: string) => ({ principal, requestId: randomUUID(), correlationId: null });
  const ann = by('ann');
  const bob = by('bob');
  const activeIn = async (
    { live }: Awaited<ReturnType<typeof process>>,
    { tenant_id: tenant, policy_bundle: bundle }: ReturnType<typeof someBundle>,
  ) => (await live.active(tenant, bundle))?.policy.version ?? null;

  it('keeps versions that never change, numbers them, and shows the latest first [2.2]', async () => {
    const { store } = await process();
    const name = someBundle();
    const first = await store.put(name, put({}, { description: 'first' }), ann);
    expect(first).toMatchObject({
      ...name,
      version: '1.0',
      status: 'approved',
      active: true,
      created_by: 'ann',
      description: 'first',
      origin: 'api',
      conflict_warnings: [],
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    const second = await store.put(name, put({ required_detectors: ['pii', 'nobody'] }), bob);
    expect(second.conflict_warnings).toEqual(['nobody is not a registered detector']);
    await store.put(name, put({ version: '2.0' }), ann);
    expect((await store.versions(name)).map(({ version, active }) => [version, active])).toEqual([
      ['2.0', true],
      ['1.1', false],
      ['1.0', false],
    ]);
    expect((await store.get(name)).policy.version).toBe('2.0');
    expect((await store.get(name, '1.1')).policy.required_detectors).toEqual(['pii', 'nobody']);
    for (const [version, detail] of [
      ['1.1', 'version_exists'],
      ['1.5', 'version_too_low'],
    ]) {
      expect(await refusalOf(store.put(name, put({ version }), ann))).toMatchObject({
        status: 409,
        detail,
        fieldErrors: [{ path: 'policy.version' }],
      });
    }
    expect(await refusalOf(store.get({ ...name, tenant_id: 'globex' }))).toMatchObject({
      status: 404,
      detail: 'policy_not_found',
    });
  });

  it('has conflict defaults act where a policy sets none [2.2]', async () => {
    const { store } = await process();
    const name = someBundle();
    await store.put(name, put(), ann);
    expect((await store.get(name)).policy).toMatchObject({
      conflict_resolution: null,
      conflict_resolution_overrides: {},
    });
  });

  it('is one for all processes within a second of the answer, and who has a bundle in hand keeps it [2.2] [18.2]', async () => {
    const [a, b] = [await process(), await process()];
    const name = someBundle();
    expect(await activeIn(b, name)).toBeNull();
    await a.store.put(name, put({ policy_data: { n: 1 } }), ann);
    expect(await activeIn(a, name)).toBe('1.0');
    await eventually(
      () => activeIn(b, name),
      (version) => version === '1.0',
      within1s,
    );
    const inHand = (await b.live.active(name.tenant_id, name.policy_bundle))!;
    await a.store.put(name, put({ policy_data: { n: 2 } }), ann);
    await eventually(
      () => activeIn(b, name),
      (version) => version === '1.1',
      within1s,
    );
    expect(inHand.policy.policy_data).toEqual({ n: 1 });
    const later = await process();
    expect((await later.live.byDigest(inHand.digest))?.policy).toEqual(inHand.policy);
    expect(await activeIn(later, name)).toBe('1.1');
  });

  it('takes a draft over review and approval by somebody else to activity [2.2]', async () => {
    const { store, live } = await process();
    const name = someBundle();
    await store.put(name, put({}, { draft: true }), ann);
    expect(live.head(name.tenant_id, name.policy_bundle)?.active).toBeNull();
    const approve = { decision: 'approve', note: 'well done', activate: false } as const;
    expect(await refusalOf(store.review(name, '1.0', approve, bob))).toMatchObject({
      status: 409,
      detail: 'version_not_reviewable',
    });
    expect(await store.submit(name, '1.0', ann)).toMatchObject({ status: 'pending_approval' });
    expect(await refusalOf(store.submit(name, '1.0', ann))).toMatchObject({
      detail: 'version_not_submittable',
    });
    expect(await refusalOf(store.review(name, '1.0', approve, ann))).toMatchObject({
      status: 403,
      code: 'INSUFFICIENT_RBAC',
      detail: 'approver_is_submitter',
    });
    expect(await refusalOf(store.activate(name, '1.0', ann))).toMatchObject({
      status: 409,
      detail: 'version_not_activatable',
    });
    expect(await store.review(name, '1.0', approve, bob)).toMatchObject({
      status: 'approved',
      active: false,
      approvals: [{ reviewer: 'bob', decision: 'approve', note: 'well done' }],
    });
    expect(await store.activate(name, '1.0', ann)).toMatchObject({ active: true });

    await store.put(name, put({}, { requires_approval: true }), ann);
    const rejected = await store.review(name, '1.1', { ...approve, decision: 'reject' }, bob);
    expect(rejected).toMatchObject({ status: 'rejected', active: false });
    await store.put(name, put({}, { requires_approval: true }), ann);
    await store.review(name, '1.2', { ...approve, decision: 'request_changes' }, bob);
    expect(await store.versions(name)).toMatchObject([
      { version: '1.2', status: 'changes_requested' },
      { version: '1.1', status: 'rejected' },
      { version: '1.0', active: true },
    ]);
    await store.put(name, put({}, { requires_approval: true }), ann);
    expect(await store.review(name, '1.3', { ...approve, activate: true }, bob)).toMatchObject({
      active: true,
    });
  });

  it('lets nothing decide unapproved where every version must be approved', async () => {
    const { store } = await process({ requireApproval: true });
    const name = someBundle();
    expect(await refusalOf(store.put(name, put(), ann))).toMatchObject({
      status: 403,
      detail: 'approval_required',
    });
    expect(await store.put(name, put({}, { requires_approval: true }), ann)).toMatchObject({ active: false });
  });

  it('rolls back by a copy under a new number [2.2]', async () => {
    const { store } = await process();
    const name = someBundle();
    await store.put(name, put({ ...ruled, policy_data: { n: 1 } }, rules(enough)), ann);
    await store.put(name, put({ policy_data: { n: 2 } }), ann);
    const copy = await store.rollBack(name, '1.0', 'too lax', bob);
    expect(copy).toMatchObject({
      version: '1.2',
      active: true,
      rolled_back_from: '1.0',
      description: 'too lax',
      created_by: 'bob',
      origin: 'rollback',
    });
    const document = await store.get(name);
    expect(document).toMatchObject({ policy: { version: '1.2', policy_data: { n: 1 } }, ...rules(enough) });
    expect((await store.versions(name))[1]).toMatchObject({ version: '1.1', status: 'rolled_back' });
    for (const version of ['1.1', '1.2']) {
      expect(await refusalOf(store.rollBack(name, version, 'no', bob))).toMatchObject({
        status: 409,
        detail: 'version_not_rollbackable',
      });
    }
    expect(await refusalOf(store.rollBack(name, '7.0', 'no', bob))).toMatchObject({ status: 404 });
  });

  it('lets no editor overwrite another, in whichever process', async () => {
    const [a, b] = [await process(), await process()];
    const name = someBundle();
    await a.store.put(name, put(), ann);
    const { revision } = await b.store.get(name);
    const outcomes = await Promise.allSettled(
      [a, b].map(({ store }, n) => store.put({ ...name, revision }, put({ policy_data: { n } }), ann)),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const lost = outcomes.find((outcome) => outcome.status === 'rejected')!;
    expect(lost.reason).toMatchObject({ status: 409, detail: 'version_conflict' });
    const stale = put({}, { expected_version: '1.0' });
    expect(await refusalOf(b.store.put(name, stale, bob))).toMatchObject({ detail: 'version_conflict' });

    // Without a condition nobody is refused, and nothing is lost.
    await Promise.all(
      [a, b, a, b, a, b].map(({ store }, n) => store.put(name, put({ policy_data: { n } }), ann)),
    );
    const versions = await a.store.versions(name);
    expect(versions).toHaveLength(8);
    expect(new Set(versions.map(({ version }) => version)).size).toBe(8);
    expect(versions.filter(({ active }) => active)).toHaveLength(1);
  });

  it('refuses what is at fault by field, and the version before it goes on deciding [2.2] [2.3]', async () => {
    const process1 = await process();
    const { store } = process1;
    const name = someBundle();
    await store.put(name, put(), ann);
    const weights = {
      calculation_method: 'weighted_coverage',
      weighted_requirements: { pii: 0.5, secrets: 0.4 },
    };
    const test = 'package orchestration_test\n\ntest_never if false\n';
    const refused: [PutPolicy, string, RegExp][] = [
      [
        put({ coverage_calculation: weights }),
        'policy.coverage_calculation.weighted_requirements',
        /must sum to 1.0, but sums to 0.9/,
      ],
      [put({ treshold: 1 }), 'policy.treshold', /Unrecognized key/],
      [put({ tenant_id: 'globex' }), 'policy.tenant_id', /must be acme/],
      [
        put(ruled, rules('coverage := {"coverage_met": nobody(1)}')),
        'rego.rules/policy.rego',
        /rules\/policy.rego:3:30: undefined function nobody/,
      ],
      [
        put(ruled, rules(enough, { 'rules/policy_test.rego': test })),
        'rego_tests.rules/policy_test.rego',
        /test_never failed/,
      ],
      [
        put(ruled, {
          ...rules(enough),
          fixtures: [
            {
              name: 'half',
              decision: 'coverage',
              input: { coverage_achieved: 0.5 },
              expect: { coverage_met: true },
            },
          ],
        }),
        'fixtures',
        /half: coverage\.coverage_met is false, expected true/,
      ],
      [
        put(ruled, rules('selection := {"selected_detectors": ["nobody"]}')),
        'rego.rules/policy.rego',
        /selection fails for .*nobody/,
      ],
      [
        put(ruled, { rego: { '../../escape.rego': 'package x' } }),
        'rego.../../escape.rego',
        /leads out of the bundle/,
      ],
      [put({}, rules(enough)), 'policy.rego_policy_path', /is not set, but there is rules\/policy\.rego/],
      [put(ruled), 'policy.rego_policy_path', /is rules, and no rego is given/],
      [put({}, { shape: 99 }), 'shape', /later release/],
    ];
    for (const [candidate, path, message] of refused) {
      const error = await refusalOf(store.put(name, candidate, ann));
      expect(error).toMatchObject({ status: 400, code: 'INVALID_REQUEST', detail: 'policy_invalid' });
      expect(error.fieldErrors[0]).toEqual({ path, message: expect.stringMatching(message) as string });
    }
    expect(await activeIn(process1, name)).toBe('1.0');
    expect(await store.versions(name)).toHaveLength(1);
  });

  it('serves compiled bundles without opa, and says what it cannot do', async () => {
    const name = someBundle();
    await (await process()).store.put(name, put(ruled, rules(enough)), ann);
    const without = await process({ opa: () => Promise.reject(new Error('there is no opa')) });
    const bundle = await without.live.active(name.tenant_id, name.policy_bundle);
    expect(bundle?.rules).toMatchObject({ coverage: true });
    const other = rules('coverage := {"coverage_met": false}');
    const error: unknown = await without.store
      .put(name, put(ruled, other), ann)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConclaveError);
    expect(error).toMatchObject({
      code: 'INTERNAL_ERROR',
      status: 500,
      detail: 'compiler_unavailable',
      message: expect.stringContaining('CONCLAVE_OPA_BIN') as string,
    });
    expect(
      await without.store.rollBack(name, '1.0', 'x', ann).catch((thrown: unknown) => thrown),
    ).toMatchObject({
      detail: 'version_not_rollbackable',
    });
    expect(await without.store.put(name, put(), ann)).toMatchObject({ version: '1.1', active: true });
    expect(await without.store.rollBack(name, '1.0', 'with its compiled Rego', ann)).toMatchObject({
      active: true,
    });
  });

  it('has nothing decide under a deleted name, keeps its versions, and numbers on', async () => {
    const a = await process();
    const name = someBundle();
    const { checksum } = await a.store.put(name, put(), ann);
    await a.store.remove(name, bob);
    expect(await activeIn(a, name)).toBeNull();
    expect(await refusalOf(a.store.get(name))).toMatchObject({ status: 404 });
    expect(await refusalOf(a.store.remove(name, bob))).toMatchObject({ status: 404 });
    expect((await a.live.byDigest(checksum))?.digest).toBe(checksum);
    expect(await a.store.put(name, put(), ann)).toMatchObject({ version: '1.1', active: true });
  });

  it('puts every change on record: who, what, which version [F.14]', async () => {
    const { store } = await process();
    const name = someBundle();
    const request = by('ann');
    const { checksum } = await store.put(name, put(), request);
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('request_id', '=', request.requestId)
      .execute();
    expect(rows).toMatchObject([
      {
        tenant_id: 'acme',
        kind: 'policy_change',
        record: {
          principal: 'ann',
          resource: `policy/${name.policy_bundle}`,
          what: 'put',
          version: '1.0',
          old_version: null,
          new_version: '1.0',
          policy_digest: checksum,
        },
      },
    ]);
    const lost = by('ann');
    await refusalOf(store.put({ ...name, revision: 'older' }, put(), lost));
    const none = await db.selectFrom('audit').selectAll().where('request_id', '=', lost.requestId).execute();
    expect(none).toEqual([]);
  });

  it('shows what versions say differently', async () => {
    const { store } = await process();
    const name = someBundle();
    await store.put(name, put({ ...ruled, policy_data: { floor: 0.4 } }, rules(enough)), ann);
    await store.put(
      name,
      put({ ...ruled, policy_data: { floor: 0.5 } }, rules(enough.replace('0.5', '0.6'))),
      ann,
    );
    const { fields, rego } = await store.diff(name, '1.0', '1.1');
    expect(fields).toEqual([{ path: 'policy_data.floor', before: 0.4, after: 0.5, tendency: null }]);
    expect(Object.keys(rego)).toEqual(['rules/policy.rego']);
    expect(rego['rules/policy.rego']).toContain(
      '+coverage := {"coverage_met": input.coverage_achieved > 0.6}',
    );
  });

  it('migrates what has an older shape, once, and tells before it does [2.2]', async () => {
    const { store, changes, live, backend } = await process();
    const name = someBundle();
    await store.put(name, put(), ann);
    await store.put(name, put(), ann);
    await toShape1(backend, name, { calculation_method: 'required' });
    const broken = someBundle();
    await store.put(broken, put(), ann);
    await toShape1(backend, broken, { calculation_method: 'by feeling' });
    await live.refresh();
    // What is stored in an older shape decides as it did.
    expect(
      (await live.active(name.tenant_id, name.policy_bundle))?.policy.coverage_calculation,
    ).toMatchObject({
      calculation_method: 'required_set',
    });
    const step = { policy_bundle: name.policy_bundle, version: '1.1', from_shape: 1, new_version: '1.2' };
    const both = [name, broken];
    const failed = {
      policy_bundle: broken.policy_bundle,
      problems: [expect.stringContaining('calculation_method')],
    };
    for (const dryRun of [true, true, false]) {
      expect(await migratePolicies(changes, both, dryRun, bob)).toMatchObject({
        dry_run: dryRun,
        migrated: [{ ...step, problems: [] }, failed],
      });
    }
    expect(await migratePolicies(changes, both, false, bob)).toMatchObject({ migrated: [failed] });
    expect(await store.versions(name)).toMatchObject([
      { version: '1.2', active: true, origin: 'migration', shape: 2, created_by: 'bob' },
      { version: '1.1', active: false, shape: 1 },
      { version: '1.0', active: false },
    ]);
    expect((await store.get(name)).policy.coverage_calculation.calculation_method).toBe('required_set');
  });

  it('refuses a document that is not what was stored', async () => {
    const { store, backend } = await process();
    const name = someBundle();
    const { checksum } = await store.put(name, put(), ann);
    const bytes = (await backend.document(checksum))!;
    const { policy, ...rest } = JSON.parse(gunzipSync(bytes).toString()) as { policy: object };
    const forged = gzipSync(
      JSON.stringify({ ...rest, policy: { ...policy, rate_limit_per_minute: 100_000 } }),
    );
    expect(() => readDocument(bytes)).not.toThrow();
    expect(() => readDocument(forged)).toThrow(/does not hold what it was stored with/);
  });

  /** As an older release has stored it. */
  async function toShape1(
    backend: PolicyBackend,
    { tenant_id: tenantId, policy_bundle: bundle }: ReturnType<typeof someBundle>,
    coverage: object,
  ): Promise<void> {
    const { state, revision } = (await backend.read(tenantId, bundle))!;
    const active = state.versions.at(-1)!;
    const stored = JSON.parse(gunzipSync((await backend.document(active.checksum))!).toString()) as {
      policy: object;
    };
    const policy = { ...stored.policy, coverage_calculation: coverage };
    const digest = canonicalDigest({ policy, rego: {} });
    const document = gzipSync(JSON.stringify({ ...stored, shape: 1, policy, digest }));
    const old = { ...active, shape: 1, checksum: digest };
    const versions = [...state.versions.slice(0, -1), old];
    const changed = { ...state, versions };
    const outcome = await backend.commit({
      tenantId,
      bundle,
      expectedRevision: revision,
      state: changed,
      head: headOf(changed),
      documents: [{ digest, version: active.version, document }],
      requestId: randomUUID(),
      record: {},
    });
    expect(outcome).toBe('committed');
  }
});
