import { detect } from 'tinyld';
import type { ContentAnalysis } from '../contract/content-routing';
import type { ContentType } from '../contract/enums';
import { codePointLength } from '../contract/text';

/** Enough to tell the language by, and little enough to cost microseconds. */
const languageSample = 400;
const sampleLength = 4000;

const scripts = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Arabic',
  'Hebrew',
  'Devanagari',
  'Bengali',
  'Tamil',
  'Thai',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
] as const;
const lettersOf = scripts.map((script) => ({ script, letters: new RegExp(`\\p{Script=${script}}`, 'gu') }));

/** What can be said of a content without quoting it: for rules that route by what it is like. */
export function analyzed({
  content,
  content_type: type,
}: {
  readonly content: string;
  readonly content_type: ContentType;
}): ContentAnalysis {
  const mime = mimeOf(content, type);
  const length = codePointLength(content);
  if (mime !== 'text/plain') return { length, mime, language: null, script: null, code_share: 0 };
  const sample = content.slice(0, sampleLength);
  return {
    length,
    mime,
    language: detect(content.slice(0, languageSample)) || null,
    script: scriptOf(sample),
    code_share: codeShare(sample),
  };
}

const dataUrl = /^data:([a-z]+\/[a-z0-9.+-]+)[;,]/i;
/** How base64 of these begins. */
const signatures: readonly (readonly [string, string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
  ['JVBERi0', 'application/pdf'],
];

function mimeOf(content: string, type: ContentType): string {
  if (type === 'text' || type === 'code') return 'text/plain';
  const head = content.slice(0, 200).trimStart();
  const declared = dataUrl.exec(head)?.[1]?.toLowerCase();
  const signed = signatures.find(([signature]) => head.startsWith(signature))?.[1];
  return declared ?? signed ?? (type === 'image' ? 'application/octet-stream' : 'text/plain');
}

function scriptOf(sample: string): string | null {
  let most = 0;
  let found: string | null = null;
  for (const { script, letters } of lettersOf) {
    const count = sample.match(letters)?.length ?? 0;
    if (count > most) [most, found] = [count, script];
  }
  return found;
}

const codeLine =
  /[;{}]\s*$|^\s*(?:import|from|def|class|function|const|let|var|return|public|private|fn|func|package|#include|if\s*\(|for\s*\(|while\s*\(|<\/?\w+[^>]*>|\/\/|#!)|=>|\w\([^)]*\)\s*$|[=!<>]=|&&|\|\|/;

function codeShare(sample: string): number {
  const lines = sample.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) return 0;
  return Math.round((lines.filter((line) => codeLine.test(line)).length / lines.length) * 100) / 100;
}
