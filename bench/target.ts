import { detectorIds } from './detector-client';
import { distinctTexts, requestBody } from './texts';

/** One who is measured. */
export interface Target {
  name: string;
  /** Where requests go. */
  url: string;
}

export function targetAt(name: string, origin: string): Target {
  return { name, url: new URL('/api/v1/orchestrate', origin).href };
}

/** One request whose answer must be a 200 that names all detectors, or measuring makes no sense. */
export async function checkAnswers({ name, url }: Target): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: requestBody(distinctTexts().next().value),
    signal: AbortSignal.timeout(10_000),
  }).catch((error: Error) => {
    throw new Error(`${name} does not answer at ${url}: ${error.message}`);
  });
  const text = await response.text();
  if (response.status !== 200 || !detectorIds.every((id) => text.includes(id))) {
    throw new Error(
      `${name} answered ${response.status}, not a 200 with all detectors: ${text.slice(0, 500)}`,
    );
  }
}
