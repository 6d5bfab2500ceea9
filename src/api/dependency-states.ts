import type { DependencyName, DependencyState } from '../contract/health';

const rememberedMs = 1000;
const timeoutMs = 1500;

type Checks = Readonly<Record<DependencyName, (() => Promise<void>) | null>>;
type States = Readonly<Record<DependencyName, DependencyState>>;

/** State of each dependency, asked at most once a second however often probes come; null checks are not configured. */
export function dependencyStates(checks: Checks): () => Promise<States> {
  let checkedAt = 0;
  let states: Promise<States> | null = null;
  return () => {
    if (states === null || Date.now() - checkedAt > rememberedMs) {
      checkedAt = Date.now();
      states = checkAll(checks);
    }
    return states;
  };
}

async function checkAll(checks: Checks): Promise<States> {
  const entries = Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const);
  return Object.fromEntries(await Promise.all(entries)) as States;
}

async function stateOf(check: (() => Promise<void>) | null): Promise<DependencyState> {
  if (check === null) return 'not_configured';
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<DependencyState>((resolve) => {
    timer = setTimeout(() => resolve('error'), timeoutMs);
  });
  const checked = check().then(
    (): DependencyState => 'connected',
    (): DependencyState => 'disconnected',
  );
  return Promise.race([checked, timeout]).finally(() => clearTimeout(timer));
}
