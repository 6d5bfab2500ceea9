import type { ScoreNormalization } from '../contract/registration';

/**
 * A detector's raw score in [0, 1] (spec/orchestration.md 3.3); null when it is missing, not finite or of the wrong
 * type. Only `boolean` takes true and false, and it takes nothing else.
 */
export function normalizeScore(raw: unknown, how: ScoreNormalization): number | null {
  if (how.method === 'boolean') return typeof raw === 'boolean' ? Number(raw) : null;
  if (typeof raw !== 'number' || !Number.isFinite(raw)) return null;
  const score = scaled(raw, how);
  return Number.isNaN(score) ? null : Math.min(1, Math.max(0, score));
}

function scaled(raw: number, how: Exclude<ScoreNormalization, { method: 'boolean' }>): number {
  switch (how.method) {
    case 'identity':
      return raw;
    case 'percent':
      return raw / 100;
    case 'min_max':
      return (raw - how.min) / (how.max - how.min);
    case 'sigmoid':
      return 1 / (1 + Math.exp(-raw));
  }
}
