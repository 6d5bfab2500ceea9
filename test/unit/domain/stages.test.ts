import fc from 'fast-check';
import { cycleThrough, DependencyCycleError, stagesOf } from '../../../src/domain/stages';
import './support';

const node = (name: string, ...depends_on: string[]) => ({ name, depends_on });

function cycleOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof DependencyCycleError) return error.cycle;
    throw error;
  }
  throw new Error('no cycle was found');
}

describe('stagesOf', () => {
  it('runs independent detectors in one group, in the given order', () => {
    expect(stagesOf([node('b'), node('a')])).toEqual([['b', 'a']]);
  });

  it('starts a detector in the group after its last predecessor', () => {
    expect(stagesOf([node('d', 'b', 'c'), node('c', 'a'), node('b'), node('a')])).toEqual([
      ['b', 'a'],
      ['c'],
      ['d'],
    ]);
  });

  it('ignores dependencies outside the list', () => {
    expect(stagesOf([node('a', 'elsewhere')])).toEqual([['a']]);
  });

  it('has no stages for no detectors', () => {
    expect(stagesOf([])).toEqual([]);
  });

  it('names the cycle and not what merely waits for it', () => {
    expect(
      cycleOf(() => stagesOf([node('x', 'a'), node('a', 'b'), node('b', 'c'), node('c', 'a'), node('y')])),
    ).toEqual(['a', 'b', 'c', 'a']);
  });

  it('finds a detector that depends on itself', () => {
    expect(cycleOf(() => stagesOf([node('a', 'a')]))).toEqual(['a', 'a']);
  });

  it('puts every detector after all it depends on, and exactly once', () => {
    // Edges only lead to earlier numbers, so there is no cycle.
    const graphs = fc
      .array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { maxLength: 10 })
      .map((edges) => edges.map((to, i) => node(`n${i}`, ...to.filter((j) => j < i).map((j) => `n${j}`))))
      .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));
    fc.assert(
      fc.property(graphs, (nodes) => {
        const stages = stagesOf(nodes);
        const stageOf = new Map(stages.flatMap((names, i) => names.map((name) => [name, i] as const)));
        expect(stages.flat().toSorted()).toEqual(nodes.map(({ name }) => name).toSorted());
        for (const { name, depends_on } of nodes) {
          const latest = Math.max(-1, ...depends_on.map((other) => stageOf.get(other)!));
          expect(stageOf.get(name)).toBe(latest + 1);
        }
      }),
    );
  });

  it('ends on any graph, with stages or with a real cycle', () => {
    const graphs = fc
      .array(fc.array(fc.nat({ max: 7 }), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
      .map((edges) => edges.map((to, i) => node(`n${i}`, ...to.map((j) => `n${j}`))));
    fc.assert(
      fc.property(graphs, (nodes) => {
        const dependencies = new Map(nodes.map(({ name, depends_on }) => [name, depends_on]));
        try {
          stagesOf(nodes);
        } catch (error) {
          const { cycle } = error as DependencyCycleError;
          expect(cycle.length).toBeGreaterThan(1);
          expect(cycle.at(-1)).toBe(cycle[0]);
          cycle.slice(1).forEach((name, i) => expect(dependencies.get(cycle[i]!)).toContain(name));
        }
      }),
    );
  });
});

describe('cycleThrough', () => {
  it('is the shortest way from a name back to itself', () => {
    const detectors = [node('a', 'b'), node('b', 'c', 'd'), node('c', 'd'), node('d', 'a'), node('e', 'a')];
    expect(cycleThrough('a', detectors)).toEqual(['a', 'b', 'd', 'a']);
    expect(cycleThrough('e', detectors)).toBeNull();
    expect(cycleThrough('a', [node('a', 'a')])).toEqual(['a', 'a']);
    expect(cycleThrough('a', [node('a', 'b', 'gone'), node('b')])).toBeNull();
  });

  it('goes over all versions of a name', () => {
    expect(cycleThrough('a', [node('a'), node('a', 'b'), node('b', 'a')])).toEqual(['a', 'b', 'a']);
  });

  it('is there exactly when the detectors cannot be put in stages, for one of them at least', () => {
    const names = ['a', 'b', 'c', 'd'];
    const graphs = fc.tuple(...names.map(() => fc.subarray(names)));
    fc.assert(
      fc.property(graphs, (edges) => {
        const detectors = edges.map((depends_on, index) => ({ name: names[index]!, depends_on }));
        const hasCycle = names.some((name) => cycleThrough(name, detectors) !== null);
        if (hasCycle) cycleOf(() => stagesOf(detectors));
        else stagesOf(detectors);
      }),
    );
  });
});
