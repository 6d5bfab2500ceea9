import { azureContentSafety, azurePromptShield } from '../../../../src/detectors/azure-content-safety';
import { item } from '../adapter-support';
import { speaking, whole, yes } from './support';

const all = ['Hate', 'SelfHarm', 'Sexual', 'Violence'];

function analysis(severities: Record<string, number>, blocklistsMatch: object[] = []) {
  return {
    blocklistsMatch,
    categoriesAnalysis: Object.entries(severities).map(([category, severity]) => ({ category, severity })),
  };
}
const clean = { Hate: 0, SelfHarm: 0, Sexual: 0, Violence: 0 };

describe('The Azure AI Content Safety adapter', () => {
  const { judge, findings, unjudged, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'azure-content-safety',
    azureContentSafety,
    '/contentsafety/text:analyze?api-version=2024-09-01',
  );

  it('sends the text with what the registration says', async () => {
    await judge(analysis({ Hate: 0 }), {
      params: {
        categories: ['Hate'],
        blocklist_names: ['words'],
        halt_on_blocklist_hit: true,
        output_type: 'EightSeverityLevels',
      },
    });
    await judge(analysis(clean));
    expect(bodies()).toEqual([
      {
        text: 'text',
        categories: ['Hate'],
        blocklistNames: ['words'],
        haltOnBlocklistHit: true,
        outputType: 'EightSeverityLevels',
      },
      { text: 'text', outputType: 'FourSeverityLevels' },
    ]);
    expect(paths()[0]).toBe('/contentsafety/text:analyze?api-version=2024-09-01');
  });

  it('makes strengths of severities, by the number of levels', async () => {
    expect(await findings(analysis({ ...clean, Hate: 2, Violence: 6 }))).toEqual([
      whole('Hate', 2, { strength: 1 / 3 }),
      whole('Violence', 6, { strength: 1 }),
    ]);
    const eight = { output_type: 'EightSeverityLevels', min_severity: 3 };
    expect(
      await findings(analysis({ ...clean, Hate: 2, Sexual: 7, Violence: 3 }), { params: eight }),
    ).toEqual([whole('Sexual', 7, { strength: 1 }), whole('Violence', 3, { strength: 3 / 7 })]);
  });

  it('finds what blocklists match, once each', async () => {
    const match = { blocklistName: 'words', blocklistItemId: '1', blocklistItemText: 'x' };
    expect(await findings(analysis(clean, [match, { ...match, blocklistItemId: '2' }]))).toEqual([
      yes('blocklist:words'),
    ]);
  });

  it('leaves unjudged the categories that are not in the answer, as after a halting blocklist', async () => {
    const halted = analysis({}, [{ blocklistName: 'words', blocklistItemId: '1', blocklistItemText: 'x' }]);
    const gap = (labels: string[]) => [{ reason: 'not_applied', start: null, end: null, labels }];
    expect(await unjudged(halted)).toEqual(gap(all));
    expect(await unjudged(analysis({ Hate: 0 }))).toEqual(gap(all.slice(1)));
    expect(await unjudged(analysis({ Hate: 0 }), { params: { categories: ['Hate'] } })).toBeUndefined();
  });

  itTakesNoOtherAnswer(
    ['a severity over all levels', analysis({ ...clean, Hate: 7 })],
    ['a category that nobody knows', analysis({ ...clean, Fun: 2 })],
    ['a severity in words', { categoriesAnalysis: [{ category: 'Hate', severity: 'high' }] }],
  );
});

describe('The Azure AI Content Safety adapter, on images', () => {
  const { judge, findings, bodies, paths } = speaking(
    'azure-content-safety',
    azureContentSafety,
    '/contentsafety/image:analyze?api-version=2024-09-01',
  );
  const image = { items: [item('data:image/png;base64,iVBORw0KGgo=')], contentType: 'image' as const };

  it('sends the bytes, without words to look for', async () => {
    await judge(analysis(clean), { ...image, params: { blocklist_names: ['words'], categories: ['Hate'] } });
    expect(bodies()).toEqual([
      { image: { content: 'iVBORw0KGgo=' }, categories: ['Hate'], outputType: 'FourSeverityLevels' },
    ]);
    expect(paths()).toEqual(['/contentsafety/image:analyze?api-version=2024-09-01']);
  });

  it('reads four levels, whatever texts are read with', async () => {
    const eight = { ...image, params: { output_type: 'EightSeverityLevels' } };
    expect(await findings(analysis({ ...clean, Sexual: 6 }), eight)).toEqual([
      whole('Sexual', 6, { strength: 1 }),
    ]);
    await expect(judge(analysis({ ...clean, Sexual: 7 }), eight)).rejects.toMatchObject({
      failure: 'invalid_response',
    });
  });
});

describe('The Azure prompt shield adapter', () => {
  const prompt = speaking(
    'azure-prompt-shield',
    azurePromptShield,
    '/contentsafety/text:shieldPrompt?api-version=2024-09-01',
  );
  const { itTakesNoOtherAnswer } = prompt;
  const answer = (attackDetected: boolean) => ({
    userPromptAnalysis: { attackDetected },
    documentsAnalysis: [],
  });

  it('has a prompt judged', async () => {
    expect(await prompt.findings(answer(true))).toEqual([yes('jailbreak')]);
    expect(await prompt.findings(answer(false))).toEqual([]);
    expect(prompt.bodies()[0]).toEqual({ userPrompt: 'text', documents: [] });
  });

  it('has a document judged', async () => {
    const params = { target: 'document' };
    const onDocument = {
      userPromptAnalysis: { attackDetected: false },
      documentsAnalysis: [{ attackDetected: true }],
    };
    expect(await prompt.findings(onDocument, { params })).toEqual([yes('prompt_injection')]);
    expect(prompt.bodies()).toEqual([{ userPrompt: '', documents: ['text'] }]);
    await expect(prompt.judge(answer(false), { params })).rejects.toMatchObject({
      failure: 'invalid_response',
    });
  });

  itTakesNoOtherAnswer([
    'an analysis of documents alone',
    { documentsAnalysis: [{ attackDetected: false }] },
  ]);
});
