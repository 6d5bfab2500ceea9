import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { detectorIds } from '../../../bench/detector-client';
import { distinctTexts, findingMarker, requestBody } from '../../../bench/texts';
import { tenantPolicySchema } from '../../../src/contract/policy';
import { registryFileSchema } from '../../../src/contract/registration';
import { orchestrationRequestSchema } from '../../../src/contract/request';

const fixtures = join(__dirname, '../../../bench/fixtures');
const yaml = (path: string): unknown => parse(readFileSync(join(fixtures, path), 'utf8'));

describe('the fixtures of the benches', () => {
  it('register the four mock detectors', () => {
    const { detectors } = registryFileSchema.parse(yaml('detectors.yaml'));
    expect(detectors.map(({ name }) => name)).toEqual([...detectorIds]);
  });

  it('require all of them, and leave mapping out', () => {
    const policy = tenantPolicySchema.parse(yaml('policies/demo/bench/policy.yaml'));
    expect(policy).toMatchObject({ required_detectors: [...detectorIds], auto_map_results: false });
  });
});

describe('the requests of the benches', () => {
  const texts = distinctTexts();
  const some = Array.from({ length: 2_000 }, () => texts.next().value);

  it('obey the contract', () => {
    expect(() => orchestrationRequestSchema.parse(JSON.parse(requestBody(some[0]!)))).not.toThrow();
  });

  it('are all distinct, also from those of another run, and half of them are flagged', () => {
    const others = distinctTexts();
    const all = [...some, ...Array.from({ length: 2_000 }, () => others.next().value)];
    expect(new Set(all).size).toBe(4_000);
    expect(some.filter((text) => text.includes(findingMarker))).toHaveLength(1_000);
  });
});
