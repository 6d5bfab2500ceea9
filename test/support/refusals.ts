import { expectContractError, type ExpectedError } from './contract-error';
import { eventually } from './eventually';
import { type HttpAnswer, System } from './system';
import { rowsOf, workflowsOf } from './traces';
import { patience } from './patience';

/** Stands in refused values; no answer may repeat it. */
export const marker = 'zq9-never-echoed';
export const bodyLimit = 10 * 1024 * 1024;
export const emoji = '😀';
/** The beginning of a PNG image, in base64. */
export const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');

/** A system whose detector `a`, which demo/default requires, looks at every type of content. */
export function startForInput(): Promise<System> {
  return System.start({
    env: patience,
    detectors: [
      { name: 'a', capabilities: { supported_content_types: ['text', 'image', 'document', 'code'] } },
      'b',
    ],
    policies: { 'demo/default': { policy: { required_detectors: ['a'] } } },
  });
}

/** What every refusal has in common: the contract's body, no echo, nothing stored, nobody called. */
export async function expectRefusal(system: System, answer: HttpAnswer<unknown>, expected: ExpectedError) {
  const body = expectContractError(answer, expected);
  expect(answer.text).not.toContain(marker);
  expect(answer.text.length).toBeLessThan(20_000);
  expect(await rowsOf(system)).toBe(0);
  expect(system.detectors.calls).toHaveLength(0);
  return body;
}

/** That all refusals before have started nothing: the next good request is the first workflow. */
export async function expectNothingStarted(system: System): Promise<void> {
  expect(await rowsOf(system)).toBe(0);
  expect((await system.orchestrate()).status).toBe(200);
  const workflows = await eventually(
    () => workflowsOf(system),
    (count) => count > 0,
  );
  expect(workflows).toBe(1);
}

export function metadataOfBytes(bytes: number): Record<string, string> {
  return { k: 'x'.repeat(bytes - JSON.stringify({ k: '' }).length) };
}

export function metadataOfDepth(depth: number): unknown {
  return depth === 0 ? 1 : { a: metadataOfDepth(depth - 1) };
}
