import type { MappingState } from '../contract/evidence';
import type { EvidenceFigures } from './evidence-summary';

const unmapped: Readonly<Record<Exclude<MappingState, 'mapped'>, string>> = {
  off: 'mapping was off for them',
  skipped: 'they ended without anything to map',
  failed: 'the mapper had no answer in time',
  not_recorded: 'they are of a release that did not put categories on record',
  source_gone: 'the run that they were answered from is past its retention',
};

/** What an auditor must not conclude from a package, said in it. */
export function evidenceLimits(
  figures: EvidenceFigures,
  { madeUnreadable, isCut }: { readonly madeUnreadable: number; readonly isCut: boolean },
): string[] {
  const reasons = Object.entries(unmapped).map(
    ([state, why]) => [figures.verdicts.mapping[state] ?? 0, why] as const,
  );
  const outside = figures.never_evidenced;
  return [
    'Contents are not kept, so none is here: a verdict is shown by its categories, coverage and end.',
    'Categories are those that the mapper gave when it mapped; which controls they are evidence for is by the frameworks’ data of the day on which this was made.',
    'An incident is a stretch in which verdicts of this tenant had to do without a detector: it begins and ends with a verdict, and what happened while nothing was judged does not show.',
    ...reasons
      .filter(([verdicts]) => verdicts > 0)
      .map(([verdicts, why]) => `${verdicts} verdicts have no categories: ${why}.`),
    ...(outside.length === 0
      ? []
      : [
          `No category of the taxonomy is evidence for ${outside.join(', ')}: for these, evidence must come from elsewhere.`,
        ]),
    ...(isCut
      ? [
          'The log begins with the first event here: what may have been before is past its retention, and was removed.',
        ]
      : []),
    ...(madeUnreadable === 0
      ? []
      : [
          `In ${madeUnreadable} events something that looked like a secret or personal data was made unreadable when they were exported, so their digests cannot be made anew from here; their places in the chain can.`,
        ]),
  ];
}
