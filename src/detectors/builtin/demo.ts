import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { codePointIndexer } from './code-points';

/**
 * The toy detectors of spec/orchestration.md 1.10. They make a demonstration predictable and judge nothing in earnest.
 * Where the contract names a label for "found nothing", they report nothing, as every builtin detector does.
 */

/** Reports `echo` for every text that is not empty. */
export const demoEchoDetector: BuiltinDetector = {
  name: 'demo-echo',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: ['OTHER.LowRisk'],
  detect: (text) => (text === '' ? [] : findAll(text, /[^]+/g, { label: 'echo', type: 'demo', score: 0.5 })),
};

/** Reports `toxic` for the words toxic, hate and abuse. */
export const demoToxicityDetector: BuiltinDetector = {
  name: 'demo-toxicity',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: ['HARM.SPEECH.Toxicity'],
  detect: (text) => findAll(text, /\b(?:toxic|hate|abuse)\b/gi, { label: 'toxic', type: 'demo', score: 0.9 }),
};

/** Reports what looks like a US social security number as `ssn_detected`, and only without one `email_detected`. */
export const demoPiiDetector: BuiltinDetector = {
  name: 'demo-pii',
  version: '1.0.0',
  maxContentLength: 10_000,
  taxonomyCategories: ['PII.Identifier.SSN', 'PII.Contact.Email'],
  detect(text) {
    const numbers = findAll(text, /\b\d{3}-\d{2}-\d{4}\b/g, {
      label: 'ssn_detected',
      type: 'demo',
      score: 0.95,
    });
    if (numbers.length > 0) return numbers;
    return findAll(text, /\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b/g, {
      label: 'email_detected',
      type: 'demo',
      score: 0.85,
    });
  },
};

const slowParamsSchema = z.object({ seconds: z.number().min(0).max(20).default(5) });

/** Finds nothing and takes its time: for a look at jobs, progress and cancellation. */
export const demoSlowDetector: BuiltinDetector = {
  name: 'demo-slow',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [],
  waits: true,
  async detect(_text, params = {}) {
    await delay(slowParamsSchema.parse(params).seconds * 1000);
    return [];
  },
};

function findAll(
  text: string,
  pattern: RegExp,
  finding: Pick<BuiltinFinding, 'label' | 'type' | 'score'>,
): BuiltinFinding[] {
  const toCodePoint = codePointIndexer(text);
  return [...text.matchAll(pattern)].map((match) => ({
    start: toCodePoint(match.index),
    end: toCodePoint(match.index + match[0].length),
    ...finding,
  }));
}
