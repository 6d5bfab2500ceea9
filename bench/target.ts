import type { BundleName } from './bundles';
import { detectorsOf } from './bundles';
import { type RequestShape, requestOf } from './requests';
import { distinctTexts } from './texts';

/** One who is measured. */
export interface Target {
  name: string;
  /** Where requests go. */
  url: string;
  shape: RequestShape;
}

/** The orchestrate route of a service, with its bundle `bench`. */
export function targetAt(name: string, origin: string): Target {
  return {
    name,
    url: new URL('/api/v1/orchestrate', origin).href,
    shape: { kind: 'orchestration', bundle: 'bench' },
  };
}

/** The same target under another policy bundle. */
export function withBundle(target: Target, bundle: BundleName, name = target.name): Target {
  return { ...target, name, shape: { ...target.shape, bundle } };
}

/**
 * One request whose answer must be a 200 that names all detectors, or measuring makes no sense. Its content is flagged:
 * some name only detectors that found something.
 * @returns the body of the answer
 */
export async function checkAnswers({ name, url, shape }: Target): Promise<string> {
  const texts = distinctTexts();
  // Every second one is flagged.
  texts.next();
  const response = await fetch(url, {
    method: 'POST',
    ...requestOf(shape, texts),
    signal: AbortSignal.timeout(10_000),
  }).catch((error: Error) => {
    throw new Error(`${name} does not answer at ${url}: ${error.message}`);
  });
  const text = await response.text();
  if (response.status !== 200 || !detectorsOf(shape.bundle).every((id) => text.includes(id))) {
    throw new Error(
      `${name} answered ${response.status}, not a 200 with all detectors: ${text.slice(0, 500)}`,
    );
  }
  return text;
}
