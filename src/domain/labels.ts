import { benignLabels } from '../contract/enums';

const benign: ReadonlySet<string> = new Set(benignLabels);

/** Whether a label says, under any bundle, that nothing was found. */
export function isBenign(label: string): boolean {
  return benign.has(label.trim().toLowerCase());
}
