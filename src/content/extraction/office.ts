import type { ContentGap } from '../../contract/enums';
import { Archive } from './archive';
import { type ExtractionLimits, type ExtractionOutcome, RefusedDocument } from './outcome';
import { TextGatherer } from './text-gatherer';
import { gatherXmlText, type TextRules } from './xml-text';

const openXml: TextRules = {
  holdsText: (name) => /^(?:t|delText|instrText|text|f|v|(?:odd|even|first)(?:Header|Footer))$/.test(name),
  // Cells that point into the list of shared strings hold its numbers, no text.
  mute: (name, attributes) => name === 'c' && attributes['t'] === 's',
  separators: { p: '\n', br: '\n', cr: '\n', tab: '\t', si: '\n', is: '\n', f: '\n', v: '\n', text: '\n' },
  telling: ['descr'],
};

const openDocument: TextRules = {
  holdsText: (name) => name === 'body' || name === 'master-styles',
  mute: () => false,
  separators: { p: '\n', h: '\n', 'line-break': '\n', tab: '\t', s: ' ' },
  telling: [],
};

interface Format {
  readonly mediaType: string;
  readonly rules: TextRules;
  /** Parts in which a reader sees text. */
  readonly parts: RegExp;
  /** Counted as pages. */
  readonly pages: RegExp;
}

const officeMedia = 'application/vnd.openxmlformats-officedocument';
/** By the folder that only such a file has. */
const openXmlFormats: readonly (readonly [marker: string, format: Format])[] = [
  [
    'word/',
    {
      mediaType: `${officeMedia}.wordprocessingml.document`,
      rules: openXml,
      parts: /^word\/(?!styles|settings|fontTable|numbering|webSettings|theme\/|_rels\/|people).*\.xml$/,
      pages: /^word\/document\d*\.xml$/,
    },
  ],
  [
    'xl/',
    {
      mediaType: `${officeMedia}.spreadsheetml.sheet`,
      rules: openXml,
      parts: /^xl\/(?!styles|theme\/|_rels\/|metadata|calcChain|persons\/).*\.xml$/,
      pages: /^xl\/worksheets\/[^/]+\.xml$/,
    },
  ],
  [
    'ppt/',
    {
      mediaType: `${officeMedia}.presentationml.presentation`,
      rules: openXml,
      parts: /^ppt\/(?:slides|notesSlides|comments|charts|diagrams)\/[^/]+\.xml$/,
      pages: /^ppt\/slides\/[^/]+\.xml$/,
    },
  ],
];
const openDocumentFormats = /^application\/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation)$/;

const pictures = /(?:^|\/)(?:media|Pictures)\/[^/]+$/;
const enclosed = /(?:^|\/)(?:embeddings|activeX)\/[^/]+$|vbaProject\.bin$|^Object \d+\//;

/**
 * The text of a Word, Excel, PowerPoint or OpenDocument file: the body, and what stands in headers, notes and comments.
 * @throws RefusedDocument
 */
export async function textOfOffice(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  const archive = await Archive.open(bytes, limits);
  const format = await formatOf(archive);
  const text = new TextGatherer(limits.max_characters);
  const pages = archive.names.filter((name) => format.pages.test(name)).length;
  for (const name of archive.names.filter((each) => format.parts.test(each)).toSorted(naturally)) {
    if (text.overflowed) break;
    gatherXmlText(await archive.read(name), format.rules, text);
    text.add('\n\n');
  }
  return { kind: 'text', media_type: format.mediaType, text: text.text, pages, gaps: gapsOf(archive, text) };
}

async function formatOf(archive: Archive): Promise<Format> {
  const { names } = archive;
  if (names.includes('mimetype')) return openDocumentFormat(archive);
  const known = openXmlFormats.find(([folder]) => names.some((name) => name.startsWith(folder)));
  if (!known || !names.includes('[Content_Types].xml')) throw new RefusedDocument('unsupported');
  return known[1];
}

async function openDocumentFormat(archive: Archive): Promise<Format> {
  const mediaType = (await archive.read('mimetype')).toString('latin1').trim();
  if (!openDocumentFormats.test(mediaType)) throw new RefusedDocument('unsupported');
  const manifest = await archive.read('META-INF/manifest.xml');
  if (manifest.includes('encryption-data')) throw new RefusedDocument('encrypted');
  return { mediaType, rules: openDocument, parts: /^(?:content|styles)\.xml$/, pages: /^content\.xml$/ };
}

function gapsOf(archive: Archive, text: TextGatherer): ContentGap[] {
  const has = (pattern: RegExp): boolean => archive.names.some((name) => pattern.test(name));
  return [
    ...(text.overflowed ? (['text'] as const) : []),
    ...(has(pictures) ? (['images'] as const) : []),
    ...(has(enclosed) ? (['attachments'] as const) : []),
  ];
}

const { compare: naturally } = new Intl.Collator('en', { numeric: true });
