/** Detectors that wait for each other; `cycle` begins and ends with the same name. */
export class DependencyCycleError extends Error {
  override readonly name = 'DependencyCycleError';

  constructor(readonly cycle: readonly string[]) {
    super(`detectors depend on each other: ${cycle.join(' -> ')}`);
  }
}

interface Dependent {
  readonly name: string;
  readonly depends_on: readonly string[];
}

/**
 * Groups to run one after the other, the members of each at once (spec/orchestration.md 1.5). Order within a group is
 * the given one; dependencies outside the list are ignored.
 * @throws DependencyCycleError
 */
export function stagesOf(detectors: readonly Dependent[]): string[][] {
  const stages: string[][] = [];
  let waiting = detectors;
  while (waiting.length > 0) {
    const unfinished = new Set(waiting.map(({ name }) => name));
    const waits = (detector: Dependent) => detector.depends_on.some((name) => unfinished.has(name));
    const ready = waiting.filter((detector) => !waits(detector));
    if (ready.length === 0) throw new DependencyCycleError(aCycleIn(waiting));
    stages.push(ready.map(({ name }) => name));
    waiting = waiting.filter(waits);
  }
  return stages;
}

/** The shortest way from a name back to itself, over what each waits for; null: there is none. */
export function cycleThrough(name: string, detectors: readonly Dependent[]): string[] | null {
  const cameFrom = new Map<string, string>();
  const wayTo = (other: string): string[] =>
    other === name ? [name] : [...wayTo(cameFrom.get(other)!), other];
  const reached = [name];
  // A list that grows while it is walked.
  for (const current of reached) {
    const waitsFor = detectors
      .filter((detector) => detector.name === current)
      .flatMap((one) => one.depends_on);
    if (waitsFor.includes(name)) return [...wayTo(current), name];
    for (const next of waitsFor.filter((other) => !cameFrom.has(other))) {
      cameFrom.set(next, current);
      reached.push(next);
    }
  }
  return null;
}

/** Every one of these waits for another of them, so one of them at least waits for itself. */
function aCycleIn(stuck: readonly Dependent[]): string[] {
  for (const { name } of stuck) {
    const cycle = cycleThrough(name, stuck);
    if (cycle !== null) return cycle;
  }
  return [];
}
