import { SaxesParser } from 'saxes';
import { RefusedDocument } from './outcome';
import type { TextGatherer } from './text-gatherer';

/** Which elements of a format hold text, and what stands between them. Names are without their prefix. */
export interface TextRules {
  readonly holdsText: (name: string) => boolean;
  /** Elements whose text is none for a reader. */
  readonly mute: (name: string, attributes: Readonly<Record<string, string>>) => boolean;
  /** Put behind an element when it ends. */
  readonly separators: Readonly<Record<string, string>>;
  /** Attributes that say something to a reader. */
  readonly telling: readonly string[];
  /** Shapes whose text only holds a place for other text; the marker says so before the text comes. */
  readonly overwritten?: { readonly shape: string; readonly marker: string };
}

/**
 * Gathers the text of one XML part. The parser expands no entities of a document's own, and one that declares any is
 * refused: Office files never do.
 * @throws RefusedDocument
 */
export function gatherXmlText(xml: Buffer, rules: TextRules, text: TextGatherer): void {
  const parser = new SaxesParser();
  const within: ('text' | 'muted' | 'other')[] = [];
  const shapes: number[] = [];
  parser.on('doctype', () => {
    throw new RefusedDocument('damaged');
  });
  parser.on('error', () => {
    throw new RefusedDocument('damaged');
  });
  parser.on('opentag', ({ name, attributes }) => {
    const local = withoutPrefix(name);
    const outside = within.at(-1) ?? 'other';
    if (outside === 'muted' || rules.mute(local, attributes)) within.push('muted');
    else within.push(rules.holdsText(local) ? 'text' : outside);
    if (local === rules.overwritten?.shape) shapes.push(within.length - 1);
    const shape = shapes.at(-1);
    if (local === rules.overwritten?.marker && shape !== undefined) within.fill('muted', shape);
    for (const key of rules.telling) if (attributes[key]) text.add(`${attributes[key]}\n`);
  });
  parser.on('text', (piece) => {
    if (within.at(-1) === 'text') text.add(piece);
  });
  parser.on('cdata', (piece) => {
    if (within.at(-1) === 'text') text.add(piece);
  });
  parser.on('closetag', ({ name }) => {
    within.pop();
    if (shapes.at(-1) === within.length) shapes.pop();
    const separator = rules.separators[withoutPrefix(name)];
    if (separator !== undefined) text.add(separator);
  });
  parser.write(decoded(xml)).close();
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function decoded(xml: Buffer): string {
  const encoding = xml[0] === 0xff && xml[1] === 0xfe ? 'utf-16le' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(xml);
  } catch {
    throw new RefusedDocument('damaged');
  }
}
