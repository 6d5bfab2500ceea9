import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import { patience } from '../../support/patience';
import { expectSound } from '../../support/sound-answer';
import { type HttpAnswer, System } from '../../support/system';
import { codes, texts } from './contents';

type Request = Readonly<Record<string, unknown>>;
/** Each touches one Rego file and nothing else of the bundle; `request` is what tells the two apart. */
interface Edit {
  readonly find: string;
  readonly put: string;
  readonly request: Request;
}
interface Flip {
  readonly selection: Edit & { readonly spared: string };
  readonly coverage: Edit & { readonly before: 200 | 206; readonly after: 200 | 206 };
  readonly conflict: Edit;
}

const text = { content_type: 'text', content: texts.secret };
const code = { content_type: 'code', content: codes.secret, environment: 'prod' };
const outvoted = {
  find: '"resolution_strategy": "most_restrictive"',
  put: '"resolution_strategy": "majority_vote"',
};

const flips: Readonly<Record<string, Flip>> = {
  default: {
    selection: {
      find: 'input.priority != "critical"',
      put: 'input.priority == "critical"',
      request: text,
      spared: 'language',
    },
    // Four of five reach the threshold, but pii must be one of them.
    coverage: {
      find: 'detector in input.policy.policy_data.must_judge',
      put: 'detector == "toxicity"',
      request: { ...text, required_detectors: ['language'], excluded_detectors: ['pii'] },
      before: 206,
      after: 200,
    },
    conflict: { ...outvoted, request: text },
  },
  strict: {
    selection: {
      find: 'detector.name in named',
      put: 'detector.name in input.policy.required_detectors',
      request: text,
      spared: 'language',
    },
    // Everything was judged; a Rego that wants more than that gets 206.
    coverage: {
      find: 'some detector in input.policy.policy_data.must_judge',
      put: 'some detector in ["demo-toxicity"]',
      request: text,
      before: 200,
      after: 206,
    },
    conflict: { ...outvoted, request: text },
  },
  weighted: {
    selection: {
      find: 'weights := input.policy.coverage_calculation.weighted_requirements if',
      put: 'weights := {"pii": 0.3, "secrets": 0.3, "prompt-injection": 0.4} if',
      request: text,
      spared: 'toxicity',
    },
    // Without secrets the figure is at the threshold of 0.7.
    coverage: {
      find: 'detector in input.policy.policy_data.must_judge',
      put: 'detector == "toxicity"',
      request: { ...text, excluded_detectors: ['secrets'] },
      before: 206,
      after: 200,
    },
    conflict: { ...outvoted, request: text },
  },
  code: {
    selection: {
      find: 'input.environment != "dev"',
      put: 'input.environment == "stage"',
      request: code,
      spared: 'pii',
    },
    // Five of six categories were looked for.
    coverage: {
      find: 'detector in input.policy.policy_data.must_judge',
      put: 'detector == "secrets"',
      request: { ...code, excluded_detectors: ['prompt-injection'] },
      before: 206,
      after: 200,
    },
    conflict: { ...outvoted, request: code },
  },
};

describe('Changing nothing but the Rego', () => {
  let system: System;
  let before: string;
  let after: string;
  beforeAll(async () => {
    system = await System.start({ builtins: true, parts: ['api'], env: patience });
    before = system.url;
    const edited = path.join(system.dataDir, 'edited-policies');
    cpSync(path.join(system.dataDir, 'policies'), edited, { recursive: true });
    for (const [bundle, edits] of Object.entries(flips)) {
      for (const [rule, { find, put }] of Object.entries(edits) as [string, Edit][]) {
        const file = path.join(edited, 'demo', bundle, 'rules', `${rule}.rego`);
        const rego = readFileSync(file, 'utf8');
        if (!rego.includes(find)) throw new Error(`${bundle}/${rule}.rego does not hold ${find}`);
        writeFileSync(file, rego.replaceAll(find, put));
      }
    }
    await system.startPart('api', {
      ORCHESTRATION_POLICY_STORE_PATH: edited,
      ORCHESTRATION_POLICY__VERSIONS_PATH: path.join(system.dataDir, 'edited-versions'),
    });
    after = system.url;
  });
  afterAll(() => system?.stop());

  async function ask(
    url: string,
    bundle: string,
    request: Request,
  ): Promise<HttpAnswer<OrchestrationResponse>> {
    system.url = url;
    const answer = await system.orchestrate({ policy_bundle: bundle, ...request });
    expectSound(answer.body);
    return answer;
  }

  const askedIn = ({ body }: HttpAnswer) =>
    body.detector_results.filter(({ status }) => status !== 'skipped').map(({ detector }) => detector);

  describe.each(Object.entries(flips))('of %s', (bundle, { selection, coverage, conflict }) => {
    it('flips the detectors that are asked [2] [2.3] [5.2]', async () => {
      const [was, is] = [
        await ask(before, bundle, selection.request),
        await ask(after, bundle, selection.request),
      ];
      expect(askedIn(was)).toContain(selection.spared);
      expect(askedIn(is)).toEqual(askedIn(was).filter((name) => name !== selection.spared));
      expect(is.body.routing_decision.policy_version).toBe(was.body.routing_decision.policy_version);
      expect(is.body.routing_decision.policy_digest).not.toBe(was.body.routing_decision.policy_digest);
    });

    it('flips 200 and 206 [2.3] [F.2]', async () => {
      const [was, is] = [
        await ask(before, bundle, coverage.request),
        await ask(after, bundle, coverage.request),
      ];
      expect([was.status, is.status]).toEqual([coverage.before, coverage.after]);
      const partial = coverage.before === 206 ? was.body : is.body;
      expect(partial).toMatchObject({ error_code: 'PARTIAL_COVERAGE', fallback_used: true });
      expect(partial.fallback_reasons).toContain('partial_coverage');
    });

    it('flips the winner [2.3] [7.2]', async () => {
      const [was, is] = [
        await ask(before, bundle, conflict.request),
        await ask(after, bundle, conflict.request),
      ];
      const winner = ({ body }: HttpAnswer) => body.aggregated_payload?.metadata.conflict_resolution;
      expect(winner(was)).toMatchObject({ winning_output: 'api_key', strategy_used: 'most_restrictive' });
      expect(winner(is)).toMatchObject({ winning_output: 'clean', strategy_used: 'majority_vote' });
    });
  });
});
