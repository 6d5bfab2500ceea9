import { randomUUID } from 'node:crypto';

/** The mock detectors answer one finding for a content with this word, and none for any other. */
export const findingMarker = 'flagme';

const sentences = [
  'The parcel left the depot on Monday and has not been scanned since.',
  'Could you confirm that the refund goes to the card I paid with?',
  'Our team reviewed the draft and left comments on the second chapter.',
  'The train to the coast runs every hour, but not on public holidays.',
  'Please summarize the meeting notes in three short bullet points.',
  'The new sensor reports a value of 21.4 degrees at the north wall.',
  'I changed my address last week; which form do I have to fill in?',
  'Bake for forty minutes, then let it rest before you cut the first slice.',
];

/** Texts of about 200 characters of which no two are alike, in this run or any other; every second one is flagged. */
export function* distinctTexts(): Generator<string, never> {
  const run = randomUUID();
  for (let n = 0; ; n += 1) {
    const body = [n, n >> 3, n >> 6].map((step) => sentences[step % sentences.length]).join(' ');
    yield `Message ${run}-${n}${n % 2 ? ` (${findingMarker})` : ''}: ${body}`;
  }
}
