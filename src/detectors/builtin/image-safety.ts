import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { decodeImage } from './image-safety/decode-image';
import { type ClassScores, imageModel, inputSize } from './image-safety/model';

/** What of the model's classes is a finding; drawings and neutral pictures are none, and what is only suggestive is for a person to see. */
const labels = [
  ['Porn', 'porn'],
  ['Hentai', 'hentai'],
  ['Sexy', 'sexy'],
] as const;
/** Below it a class is a guess among five. */
const leastScore = 0.3;
const scoreDigits = 6;

/** Sexual pictures, photographed or drawn (docs/detectors.md). */
export const imageSafetyDetector: BuiltinDetector = {
  name: 'image-safety',
  version: '1.0.0',
  // Of base64: 6 MB of image.
  maxContentLength: 8_000_000,
  taxonomyCategories: ['HARM.VIOLENCE.Sexual', 'OTHER.NeedsReview'],
  looksAt: 'image',
  async detect(content) {
    const pixels = decodeImage(bytesOf(content), inputSize);
    const model = await imageModel();
    return findingsOf(await model.classify(pixels));
  },
};

/** Findings about the whole image: places in its base64 would mean nothing. */
export function findingsOf(scores: ClassScores): BuiltinFinding[] {
  return labels
    .map(([name, label]) => ({
      start: 0,
      end: 0,
      label,
      type: 'sexual',
      score: Number(scores[name].toFixed(scoreDigits)),
    }))
    .filter(({ score }) => score >= leastScore)
    .toSorted((a, b) => b.score - a.score);
}

function bytesOf(content: string): Buffer {
  return Buffer.from(content.replace(/^data:[^,]*,/, ''), 'base64');
}
