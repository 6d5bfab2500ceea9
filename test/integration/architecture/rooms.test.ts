import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { z } from 'zod';

const root = path.resolve(__dirname, '..', '..', '..');

const cases = [
  {
    file: 'src/domain/coverage.ts',
    text: "import { createApp } from '../api/app';\nexport const a = createApp;\n",
    rule: 'import-x/no-restricted-paths',
  },
  {
    file: 'src/workflows/orchestration.ts',
    text: "import { Runs } from '../store/runs';\nexport const a = Runs;\n",
    rule: 'import-x/no-restricted-paths',
  },
  {
    file: 'src/contract/request.ts',
    text: "import { coverageOf } from '../domain/coverage';\nexport const a = coverageOf;\n",
    rule: 'import-x/no-restricted-paths',
  },
  {
    file: 'src/store/runs.ts',
    text: "import { Submission } from '../submission/submission';\nexport const a = Submission;\n",
    rule: 'import-x/no-restricted-paths',
  },
  {
    file: 'src/domain/coverage.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n",
    rule: 'no-restricted-imports',
  },
  {
    file: 'src/workflows/orchestration.ts',
    text: "import { z } from 'zod';\nexport const a = z;\n",
    rule: 'no-restricted-imports',
  },
  {
    file: 'src/contract/enums.ts',
    text: "import { z } from 'zod';\nexport const a = z;\n",
    rule: 'no-restricted-imports',
  },
  {
    file: 'src/workflows/member-state.ts',
    text: "import { coverageOf } from '../domain/coverage';\n\nexport const a = coverageOf;\n",
    rule: null,
  },
];

/** ESLint's configuration is an ES module, which jest cannot load; one process lints all cases. */
const lintAll = `
  import { ESLint } from 'eslint';
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const eslint = new ESLint();
  const broken = [];
  for (const { file, text } of JSON.parse(input)) {
    const [result] = await eslint.lintText(text, { filePath: file });
    broken.push(result.messages.map(({ ruleId }) => ruleId));
  }
  console.log(JSON.stringify(broken));
`;

function rulesBroken(): (string | null)[][] {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', lintAll], {
    cwd: root,
    input: JSON.stringify(cases),
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return z.array(z.array(z.string().nullable())).parse(JSON.parse(stdout));
}

describe('the arrows between the rooms', () => {
  it('point one way, and workflow code stays deterministic: the lint says so [1, F.11]', () => {
    const broken = rulesBroken();
    cases.forEach(({ rule }, index) => {
      if (rule === null) expect(broken[index]!.filter((id) => id?.includes('restricted'))).toEqual([]);
      else expect(broken[index]).toContain(rule);
    });
  });
});
