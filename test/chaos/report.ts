import type { Report } from '../../bench/report';
import type { RoundResult } from './round';

/** One line for each round. */
export function reportOf(bench: string, results: readonly RoundResult[]): Report {
  return {
    bench,
    head: [
      'fault',
      'round',
      'accepted',
      'answered',
      'lost',
      'contradictory',
      'ran twice',
      'failed',
      'calls repeated',
      'first result ms',
      'longest gap ms',
      'caught up ms',
    ],
    cells: results.map((result) => [
      result.fault,
      result.round,
      result.accepted,
      `${result.answered}/${result.sent}`,
      result.lost,
      result.contradictory,
      result.ran_twice,
      result.failed,
      `${result.detector_calls_repeated}/${result.detector_calls}`,
      result.first_result_ms ?? '-',
      result.longest_gap_ms,
      result.caught_up_ms,
    ]),
    remarks: results.flatMap(({ fault, round, problems }) =>
      problems.map((problem) => `${fault}, round ${round}: ${problem}`),
    ),
    rows: results.map((result) => ({ ...result })),
  };
}
