import { z } from 'zod';
import { builtinDetectors } from '../builtin/catalog';
import { UndecodableImage } from '../builtin/image-safety/decode-image';
import type { BuiltinFinding, DetectorParams } from '../builtin/builtin-detector';
import { fieldName } from './field-name';

/** One call: every content is judged by the one detector. Plain data, since it crosses to a worker thread. */
export interface DetectionTask {
  /** Name of a detector of the catalog. */
  readonly detector: string;
  readonly contents: readonly string[];
  readonly params: DetectorParams;
}

/** A finding as the Detectors API spells it (spec/detector-protocols.md). Spans are Unicode code points. */
export interface WireFinding {
  readonly start: number;
  readonly end: number;
  /** The part of the content that the span covers. */
  readonly text: string;
  readonly detection: string;
  readonly detection_type: string;
  readonly score: number;
}

/** A refusal of the params is an outcome, because an error's class does not survive the way between threads. */
export type DetectionOutcome =
  | { readonly kind: 'judged'; readonly findings: readonly (readonly WireFinding[])[] }
  | { readonly kind: 'invalid_content'; readonly field: string; readonly problem: string }
  | { readonly kind: 'invalid_params'; readonly field: string; readonly problem: string };

/** Judges the contents one after the other; `afterEach` may throw to stop between two of them. */
export async function runDetection(
  task: DetectionTask,
  afterEach: () => Promise<void> | void = () => {},
): Promise<DetectionOutcome> {
  const detector = builtinDetectors.get(task.detector);
  if (detector === undefined) throw new RangeError(`no builtin detector is named ${task.detector}`);
  const findings: WireFinding[][] = [];
  try {
    for (const content of task.contents) {
      findings.push(toWire(content, await detector.detect(content, task.params)));
      await afterEach();
    }
  } catch (error) {
    if (error instanceof UndecodableImage) {
      return { kind: 'invalid_content', field: `contents[${findings.length}]`, problem: error.message };
    }
    if (!(error instanceof z.ZodError)) throw error;
    const issue = error.issues[0];
    return {
      kind: 'invalid_params',
      field: fieldName(['detector_params', ...(issue?.path ?? [])]),
      problem: issue?.message ?? 'invalid',
    };
  }
  return { kind: 'judged', findings };
}

/** A plain sentence makes every detector load its word lists and models before the first caller waits for them. */
export async function warmUpDetectors(): Promise<void> {
  const contents = ['Please send the agenda for the meeting on Monday to the whole team.'];
  for (const [detector, { waits, looksAt }] of builtinDetectors) {
    if (!waits && looksAt !== 'image') await runDetection({ detector, contents, params: {} });
  }
}

/** A picture of one gray pixel. */
const pixel = 'R0lGODlhAQABAIAAAICAgP///ywAAAAAAQABAAACAkQBADs=';

/** The model is loaded and has looked once. */
export async function warmUpImages(): Promise<void> {
  for (const [detector, { looksAt }] of builtinDetectors) {
    if (looksAt === 'image') await runDetection({ detector, contents: [pixel], params: {} });
  }
}

function toWire(content: string, findings: readonly BuiltinFinding[]): WireFinding[] {
  if (findings.length === 0) return [];
  const codePoints = Array.from(content);
  return findings.map(({ start, end, label, type, score }) => ({
    start,
    end,
    text: codePoints.slice(start, end).join(''),
    detection: label,
    detection_type: type,
    score,
  }));
}
