import type { ContentGap } from '../../contract/enums';
import { Archive } from './archive';
import { inertInOpenDocument, inertInOpenXml } from './office-furniture';
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

/** Of masters and layouts slides show what stands there by itself, and nothing of what is to be overwritten. */
const openXmlMaster: TextRules = { ...openXml, overwritten: { shape: 'sp', marker: 'ph' } };

const openDocument: TextRules = {
  holdsText: (name) => name === 'body' || name === 'master-styles',
  mute: () => false,
  separators: { p: '\n', h: '\n', 'line-break': '\n', tab: '\t', s: ' ' },
  telling: [],
};

interface Format {
  readonly mediaType: string;
  readonly rules: TextRules;
  /** Parts in which a reader sees text, but for those that are inert. */
  readonly parts: RegExp;
  readonly inert: readonly RegExp[];
  /** Counted as pages. */
  readonly pages: RegExp;
}

const officeMedia = 'application/vnd.openxmlformats-officedocument';
/** By the folder that only such a file has; all names in small letters. */
const openXmlFormats: readonly (readonly [marker: string, format: Format])[] = [
  [
    'word/',
    {
      mediaType: `${officeMedia}.wordprocessingml.document`,
      rules: openXml,
      parts: /^word\/.*\.xml$/,
      inert: inertInOpenXml,
      pages: /^word\/document\d*\.xml$/,
    },
  ],
  [
    'xl/',
    {
      mediaType: `${officeMedia}.spreadsheetml.sheet`,
      rules: openXml,
      parts: /^xl\/.*\.xml$/,
      inert: inertInOpenXml,
      pages: /^xl\/worksheets\/[^/]+\.xml$/,
    },
  ],
  [
    'ppt/',
    {
      mediaType: `${officeMedia}.presentationml.presentation`,
      rules: openXml,
      parts: /^ppt\/.*\.xml$/,
      inert: inertInOpenXml,
      pages: /^ppt\/slides\/[^/]+\.xml$/,
    },
  ],
];
const openDocumentFormats = /^application\/vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation)$/;

const masters = /^ppt\/(?:(?:slide|notes|handout)masters|slidelayouts)\//;
const pictures = /(?:^|\/)(?:media|pictures)\/[^/]+$/;
const enclosed = /(?:^|\/)(?:embeddings|activex)\/[^/]+$/;
const declaredTypes: TextRules = {
  holdsText: () => false,
  mute: () => false,
  separators: {},
  telling: ['ContentType'],
};
const foreignTypes = /html|\brtf\b|text\/plain|multipart\/|message\//i;

/**
 * The text of a Word, Excel, PowerPoint or OpenDocument file: the body, and what stands in headers, notes and comments.
 * @throws RefusedDocument
 */
export async function textOfOffice(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  const archive = await Archive.open(bytes, limits);
  const format = await formatOf(archive);
  const text = new TextGatherer(limits.max_characters);
  const pages = archive.names.filter((name) => format.pages.test(name)).length;
  const { parts, others } = sorted(archive.names, format);
  for (const name of parts.toSorted(naturally)) {
    if (text.overflowed) break;
    gatherXmlText(await archive.read(name), masters.test(name) ? openXmlMaster : format.rules, text);
    text.add('\n\n');
  }
  // Whatever else there is may be shown: objects, macros, parts under names of their own.
  const holdsMore =
    others.some((name) => !pictures.test(name)) ||
    parts.some((name) => enclosed.test(name)) ||
    (await holdsChunks(archive));
  const gaps: ContentGap[] = [
    ...(text.overflowed ? (['text'] as const) : []),
    ...(others.some((name) => pictures.test(name)) ? (['images'] as const) : []),
    ...(holdsMore ? (['attachments'] as const) : []),
  ];
  return { kind: 'text', media_type: format.mediaType, text: text.text, pages, gaps };
}

/** Parts that are read, and what is neither read nor inert. */
function sorted(names: readonly string[], format: Format): { parts: string[]; others: string[] } {
  const telling = names.filter(
    (name) => !name.endsWith('/') && !format.inert.some((inert) => inert.test(name)),
  );
  return {
    parts: telling.filter((name) => format.parts.test(name)),
    others: telling.filter((name) => !format.parts.test(name)),
  };
}

/** Text of other formats, shown as if it stood in the document; it may be called like any part. */
async function holdsChunks(archive: Archive): Promise<boolean> {
  if (!archive.names.includes('[content_types].xml')) return false;
  const types = new TextGatherer(Infinity);
  gatherXmlText(await archive.read('[content_types].xml'), declaredTypes, types);
  return foreignTypes.test(types.text);
}

async function formatOf(archive: Archive): Promise<Format> {
  const { names } = archive;
  if (names.includes('mimetype')) return openDocumentFormat(archive);
  const known = openXmlFormats.find(([folder]) => names.some((name) => name.startsWith(folder)));
  if (!known || !names.includes('[content_types].xml')) throw new RefusedDocument('unsupported');
  return known[1];
}

async function openDocumentFormat(archive: Archive): Promise<Format> {
  const mediaType = (await archive.read('mimetype')).toString('latin1').trim();
  if (!openDocumentFormats.test(mediaType)) throw new RefusedDocument('unsupported');
  const manifest = await archive.read('meta-inf/manifest.xml');
  if (manifest.includes('encryption-data')) throw new RefusedDocument('encrypted');
  return {
    mediaType,
    rules: openDocument,
    parts: /^(?:content|styles)\.xml$/,
    inert: inertInOpenDocument,
    pages: /^content\.xml$/,
  };
}

const { compare: naturally } = new Intl.Collator('en', { numeric: true });
