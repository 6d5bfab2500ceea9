import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { bundleNames, detectorIds, detectorsOf } from '../../../bench/bundles';
import { requestOf } from '../../../bench/requests';
import { distinctTexts, findingMarker } from '../../../bench/texts';
import { tenantPolicySchema } from '../../../src/contract/policy';
import { registryFileSchema } from '../../../src/contract/registry-file';
import { orchestrationRequestSchema } from '../../../src/contract/request';

const fixtures = join(__dirname, '../../../bench/fixtures');
const yaml = (path: string): unknown => parse(readFileSync(join(fixtures, path), 'utf8'));

describe('the fixtures of the benches', () => {
  it('register the four mock detectors and a hung one', () => {
    const { detectors } = registryFileSchema.parse(yaml('detectors.yaml'));
    expect(detectors.map(({ name }) => name)).toEqual([...detectorIds, 'mock-hung']);
  });

  it.each(bundleNames)('%s requires the detectors that the rivals ask', (bundle) => {
    const policy = tenantPolicySchema.parse(yaml(`policies/demo/${bundle}/policy.yaml`));
    expect(policy).toMatchObject({
      policy_bundle: bundle,
      required_detectors: detectorsOf(bundle),
      auto_map_results: bundle === 'bench-mapped',
      allow_async_conversion: bundle !== 'bench-hung-sync',
    });
  });
});

describe('the requests of the benches', () => {
  const texts = distinctTexts();
  const some = Array.from({ length: 2_000 }, () => texts.next().value);

  it('obey the contract', () => {
    const { body } = requestOf({ kind: 'orchestration', bundle: 'bench' }, distinctTexts());
    expect(() => orchestrationRequestSchema.parse(JSON.parse(body))).not.toThrow();
  });

  it('are all distinct, also from those of another run, and half of them are flagged', () => {
    const others = distinctTexts();
    const all = [...some, ...Array.from({ length: 2_000 }, () => others.next().value)];
    expect(new Set(all).size).toBe(4_000);
    expect(some.filter((text) => text.includes(findingMarker))).toHaveLength(1_000);
  });
});
