import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { PolicyVersion } from '../../../src/contract/policy-store';
import { conclave } from '../../support/conclave-command';
import { System } from '../../support/system';

const rego = 'package orchestration\n\ncoverage := {"coverage_met": input.coverage_achieved >= 0.5}\n';
const test =
  'package orchestration_test\n\nimport data.orchestration\n\ntest_half if orchestration.coverage.coverage_met with input as {"coverage_achieved": 0.5}\n';

describe('conclave policy, on the store', () => {
  let system: System;
  let folder: string;
  beforeAll(async () => {
    system = await System.start({ parts: ['api'], detectors: ['a', 'b'] });
    folder = path.join(system.dataDir, 'chat');
    mkdirSync(path.join(folder, 'rules'), { recursive: true });
    writeFileSync(path.join(folder, 'rules', 'policy.rego'), rego);
    writeFileSync(path.join(folder, 'rules', 'policy_test.rego'), test);
    describeChat({});
  });
  afterAll(() => system?.stop());

  const describeChat = (fields: object): void =>
    writeFileSync(
      path.join(folder, 'policy.yaml'),
      stringify({
        tenant_id: 'acme',
        policy_bundle: 'chat',
        version: '1.0',
        rego_policy_path: 'rules',
        required_detectors: ['a'],
        coverage_calculation: { calculation_method: 'required_set' },
        ...fields,
      }),
    );
  const run = (...args: string[]) => conclave(['policy', ...args, '--url', system.url, '--tenant', 'acme']);
  const json = async <T = PolicyVersion>(...args: string[]) => {
    const { code, stdout } = await run(...args, '--json');
    return { code, value: JSON.parse(stdout) as T };
  };
  const routedBy = async () =>
    (await system.orchestrate({ tenant_id: 'acme', policy_bundle: 'chat' })).body.routing_decision
      .policy_version;

  it('puts, reviews, approves, activates, compares and rolls back [2.2]', async () => {
    expect(await json('put', folder, '--draft', '--as', 'ann')).toMatchObject({
      code: 0,
      value: { version: '1.0', status: 'draft', active: false, created_by: 'ann' },
    });
    expect((await json('review', 'chat', '1.0', '--as', 'ann')).value.status).toBe('pending_approval');
    const own = await run('approve', 'chat', '1.0', '--as', 'ann');
    expect([own.code, own.stderr]).toEqual([1, expect.stringContaining('have somebody else do it')]);
    expect(await json('approve', 'chat', '1.0', '--no-activate', '--as', 'bob')).toMatchObject({
      value: { status: 'approved', active: false },
    });
    expect((await json('activate', 'chat', '1.0')).value.active).toBe(true);
    expect(await routedBy()).toBe('1.0');

    describeChat({ required_detectors: ['b', 'nobody'] });
    const same = await run('put', folder);
    expect([same.code, same.stderr]).toEqual([1, expect.stringContaining('exists and never changes')]);
    const next = await run('put', folder, '--next-version', '--expect', '1.0', '--description', 'b now');
    expect([next.code, next.stderr]).toEqual([0, 'warning: nobody is not a registered detector\n']);
    expect(next.stdout).toMatch(/version.*1\.1[^]*active.*yes/);
    expect((await run('put', folder, '--next-version', '--expect', '1.0')).code).toBe(1);
    const difference = await run('diff', 'chat', '1.0', '1.1');
    expect(difference.stdout).toMatch(/required_detectors.+\["a"\].+\["b","nobody"\]/);
    expect((await json('rollback', 'chat', '1.0', '--reason', 'as before')).value).toMatchObject({
      version: '1.2',
      rolled_back_from: '1.0',
    });
    expect(await routedBy()).toBe('1.2');
    await run('put', folder, '--next-version', '--requires-approval', '--as', 'ann');
    expect(
      await json('review', 'chat', '1.3', '--decision', 'reject', '--note', 'no', '--as', 'bob'),
    ).toMatchObject({
      code: 0,
      value: { status: 'rejected', approvals: [{ reviewer: 'bob', note: 'no' }] },
    });
  });

  it('lists, shows, and writes to a folder what can be put again', async () => {
    expect((await run('list')).stdout).toMatch(/chat.*1\.2.*1\.3 \(rejected\).*4/);
    expect((await run('versions', 'chat')).stdout).toMatch(/1\.3[^]*1\.2.*approved, active[^]*1\.1[^]*1\.0/);
    const out = path.join(system.dataDir, 'out');
    expect((await run('get', 'chat', '1.0', '--out', out)).code).toBe(0);
    expect(readFileSync(path.join(out, 'rules', 'policy.rego'), 'utf8')).toBe(rego);
    expect(readFileSync(path.join(out, 'rules', 'policy_test.rego'), 'utf8')).toBe(test);
    expect((await json('put', out, '--next-version')).value.version).toBe('1.4');
    expect(await json('get', 'chat')).toMatchObject({
      value: { version: '1.4', rego: { 'rules/policy.rego': rego } },
    });
  });

  it('says where a policy is at fault, and has the exit codes of refusal, misuse and no connection [13.2]', async () => {
    const broken = path.join(system.dataDir, 'broken.json');
    const policy = { tenant_id: 'acme', policy_bundle: 'broken', required_detectors: ['a'] };
    const weights = { calculation_method: 'weighted_coverage', weighted_requirements: { a: 0.9 } };
    writeFileSync(broken, JSON.stringify({ ...policy, coverage_calculation: weights }));
    const refused = await run('put', broken);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(
        'policy.coverage_calculation.weighted_requirements: must sum to 1.0, but sums to 0.9',
      ),
    ]);
    for (const args of [
      ['get', 'nothing'],
      ['put', path.join(system.dataDir, 'nothing')],
      ['activate', 'chat', '9.0'],
    ])
      expect((await run(...args)).code).toBe(1);
    expect((await run('rollback', 'chat', '1.0')).code).toBe(2);
    const unreachable = await conclave(['policy', 'list', '--url', 'http://127.0.0.1:1', '--tenant', 'acme']);
    expect([unreachable.code, unreachable.stderr]).toEqual([2, expect.stringContaining('is it running?')]);
  });

  it('migrates what has an older shape, takes in what is written in one, and deletes', async () => {
    const old = path.join(system.dataDir, 'old.yaml');
    writeFileSync(
      old,
      stringify({
        tenant_id: 'acme',
        policy_bundle: 'old',
        coverage_calculation: { calculation_method: 'required', required_detector_set: ['a'] },
      }),
    );
    expect((await run('put', old)).code).toBe(1);
    expect(await json('put', old, '--shape', '1')).toMatchObject({
      code: 0,
      value: { shape: 2, active: true },
    });
    const migrated = await run('migrate', '--dry-run');
    expect([migrated.code, migrated.stdout]).toEqual([0, 'all policies are of shape 2\n']);
    expect(await json<object>('migrate', 'old')).toMatchObject({
      code: 0,
      value: { dry_run: false, migrated: [] },
    });
    expect((await run('delete', 'old')).code).toBe(0);
    expect((await run('get', 'old')).code).toBe(1);
  });
});
