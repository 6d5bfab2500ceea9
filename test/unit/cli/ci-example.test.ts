import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { parseDocument } from 'yaml';
import { addPolicyCommands } from '../../../src/cli/policy';

const file = path.resolve(__dirname, '../../../docs/examples/github-actions-policies.yml');
const document = parseDocument(readFileSync(file, 'utf8'), { uniqueKeys: true });

interface Step {
  readonly run?: string;
  readonly uses?: string;
}

/** What each `npx conclave policy …` of the example would be run with. */
function commandLines(): string[][] {
  const { jobs } = document.toJS() as { jobs: Record<string, { steps: Step[] }> };
  return Object.values(jobs)
    .flatMap(({ steps }) => steps)
    .flatMap(({ run }) => /^npx conclave policy (.+?)(?: > \S+)?$/.exec(run ?? '')?.[1] ?? [])
    .map((line) => line.split(' '));
}

describe('The GitHub Actions example', () => {
  it('is YAML without faults, and every step runs or uses something', () => {
    expect([document.errors, document.warnings]).toEqual([[], []]);
    const { jobs } = document.toJS() as { jobs: Record<string, { steps: Step[] }> };
    for (const { steps } of Object.values(jobs)) {
      for (const step of steps) expect(step.run ?? step.uses).toMatch(/\S/);
    }
  });

  it('calls commands that there are, with options that they have', () => {
    const called = commandLines();
    expect(called.map(([name]) => name)).toEqual(['fmt', 'validate-all', 'test']);
    for (const [name, ...args] of called) {
      const policy = new Command('policy');
      addPolicyCommands(policy, { exit: () => undefined });
      const command = policy.commands.find((candidate) => candidate.name() === name);
      expect(command?.parseOptions(args)).toMatchObject({ operands: ['policies'], unknown: [] });
    }
  });
});
