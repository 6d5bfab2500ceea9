import { annotated, versionsOf } from '../../../src/activities/mapping-notes';
import { planned } from '../domain/support';
import { mappingResponse, plan } from './samples';

const ours = 'orchestrator=0.1.0; policy=default:1.2; taxonomy=3; frameworks=2; model=m';
const version_info = { taxonomy: '3', frameworks: '2', model: 'm' };

describe('The marks on a mapping', () => {
  it('are notes, provenance and a policy context where there is none', () => {
    expect(annotated({ ...mappingResponse, notes: 'own', version_info }, plan, 'won by a')).toEqual({
      ...mappingResponse,
      version_info,
      notes: `own; ${ours}; conflict=won by a`,
      provenance: { route: 'orchestrator', tenant_id: 'acme' },
      policy_context: { expected_detectors: ['a', 'b'], environment: 'dev' },
    });
  });

  it('leave everything else as the mapper sent it', () => {
    const sent = {
      ...mappingResponse,
      scores: { 'HARM.SPEECH.Toxicity': 0.123456789 },
      provenance: { vendor: 'v', route: 'rules', tenant_id: 'other', ts: 't' },
      policy_context: { environment: 'prod' },
      version_info,
    };
    expect(annotated(sent, plan, null)).toEqual({
      ...sent,
      notes: ours,
      provenance: { vendor: 'v', ts: 't', route: 'orchestrator', tenant_id: 'acme' },
    });
  });

  it('name the configured versions when the mapper names none, without putting them into its mouth', () => {
    const marked = annotated(mappingResponse, plan, null);
    expect(marked.notes).toContain('taxonomy=1.0; frameworks=1.1; model=none');
    expect(marked.version_info).toBeNull();
  });

  it('expect the primaries only', () => {
    const failover = { ...plan, detectors: [planned('a'), planned('z', { role: 'secondary' })] };
    expect(annotated(mappingResponse, failover, null).policy_context?.expected_detectors).toEqual(['a']);
  });

  // 500 in all: what stands between the parts counts too.
  const room = 500 - `; ${ours}`.length;
  it.each([
    [
      'all of it where it fits',
      room - '; conflict=won'.length,
      (own: string) => `${own}; ${ours}; conflict=won`,
    ],
    [
      'no conflict where that does not fit',
      room - '; conflict=won'.length + 1,
      (own: string) => `${own}; ${ours}`,
    ],
    ['no conflict up to the last character', room, (own: string) => `${own}; ${ours}`],
    ['ours alone where the own words leave no room', room + 1, () => ours],
  ])('in notes of at most 500 code points: %s', (_name, length, expected) => {
    const own = '🙂'.repeat(length);
    const { notes } = annotated({ ...mappingResponse, notes: own, version_info }, plan, 'won');
    expect(notes).toBe(expected(own));
    expect([...notes!].length).toBeLessThanOrEqual(500);
  });

  it('are cut, between characters, when even they are too long', () => {
    const { notes } = annotated(
      { ...mappingResponse, version_info: { ...version_info, model: '🙂'.repeat(600) } },
      plan,
      null,
    );
    expect([...notes!]).toHaveLength(500);
    expect(notes!.isWellFormed()).toBe(true);
  });
});

describe('versionsOf', () => {
  it('takes taxonomy, frameworks and model from the mapper, and nothing else', () => {
    const boastful = {
      ...mappingResponse,
      version_info: { ...version_info, orchestrator: 'x', policy: 'y' },
    };
    expect(versionsOf(plan, boastful)).toEqual({
      ...version_info,
      orchestrator: '0.1.0',
      policy: 'default:1.2',
    });
    expect(versionsOf(plan, null)).toEqual(plan.version_info);
  });
});
