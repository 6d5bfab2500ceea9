import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { protocols } from '../../../src/contract/protocols';
import { detectorRegistrationSchema } from '../../../src/contract/registration';

const page = readFileSync(path.join(__dirname, '../../../docs/detectors.md'), 'utf8');
const documented = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, block]) => {
  const { detectors } = parse(block!) as { detectors: { name: string; protocol: string }[] };
  return detectors;
});

describe('docs/detectors.md', () => {
  it.each(documented.map((one) => [one.name, one] as const))(
    'shows a sound registration of %s',
    (_name, one) => {
      expect(detectorRegistrationSchema.safeParse(one).error?.issues ?? []).toEqual([]);
    },
  );

  it('shows one of every protocol', () => {
    expect(new Set(documented.map(({ protocol }) => protocol))).toEqual(new Set(protocols));
  });
});
