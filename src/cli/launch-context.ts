import type { Settings } from '../contract/config';
import type { Progress } from '../embedded/setup-error';
import type { Logger } from '../telemetry/logger';
import type { RunningParts } from './running-parts';

export interface LaunchContext {
  readonly settings: Settings;
  readonly log: Logger;
  /** Lines for the person at the terminal. */
  readonly say: Progress;
  readonly parts: RunningParts;
}
