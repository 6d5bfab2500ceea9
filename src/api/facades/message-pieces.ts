import { ConclaveError } from '../../contract/errors';
import type { Piece } from './facade-call';

/** Strings under these name things of the protocol; every other string may be what somebody says, and is judged. */
const structural: ReadonlySet<string> = new Set([
  'created_at',
  'detail',
  'encoding_format',
  'finish_reason',
  'format',
  'id',
  'media_type',
  'model',
  'object',
  'reasoning_effort',
  'role',
  'service_tier',
  'status',
  'stop_reason',
  'system_fingerprint',
  'tool_call_id',
  'tool_use_id',
  'type',
]);
/** Lists of things that are judged in one piece each: the words of a schema by themselves say little. */
const tools: ReadonlySet<string> = new Set(['functions', 'tool_calls', 'tools']);
/** Kinds of parts that no piece can stand for. */
const unjudgeable: ReadonlySet<string> = new Set([
  'audio',
  'document',
  'file',
  'input_audio',
  'input_file',
  'video',
  'video_url',
]);

/**
 * What of a call to a model, or of its answer, is to be judged: all strings that are not of the protocol, and images.
 * @param text stands in for a body without any
 * @throws ConclaveError for a part that cannot be judged
 */
export function piecesOf(json: unknown, text: string | null): Piece[] {
  const found = new Map<string, Piece>();
  collect(json, null, found);
  if (found.size === 0 && text !== null) add(found, { content: text, type: 'text' });
  return [...found.values()];
}

/**
 * What a tool, or a call of one, says: its strings below each other, those of arguments in JSON included. As JSON it would
 * look like somebody's attempt to call a tool.
 */
export function toolPiece(tool: unknown): Piece {
  const found = new Map<string, Piece>();
  collect(withArguments(tool), null, found);
  return { content: [...found.values()].map(({ content }) => content).join('\n'), type: 'text' };
}

function withArguments(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withArguments);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === 'arguments' && typeof inner === 'string' ? parsed(inner) : withArguments(inner),
    ]),
  );
}

/** The names of arguments are said, too. */
function parsed(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? Object.entries(value) : json;
  } catch {
    return json;
  }
}

function add(found: Map<string, Piece>, piece: Piece): void {
  if (piece.content.trim() !== '') found.set(`${piece.type}:${piece.content}`, piece);
}

/** @param key under which the value stands; those of a list stand under the list's */
function collect(value: unknown, key: string | null, found: Map<string, Piece>): void {
  if (typeof value === 'string') {
    if (key !== null && structural.has(key)) return;
    add(found, { content: value, type: /^data:image\//i.test(value) ? 'image' : 'text' });
    return;
  }
  if (Array.isArray(value)) {
    const areTools = key !== null && tools.has(key);
    for (const entry of value) {
      if (areTools) add(found, toolPiece(entry));
      else collect(entry, key, found);
    }
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const image = imageIn(value as Fields);
  if (image !== null) {
    add(found, { content: image, type: 'image' });
    return;
  }
  for (const [name, inner] of Object.entries(value)) collect(inner, name, found);
}

type Fields = Readonly<Record<string, unknown>>;

/** Of a part that is one: OpenAI's in chat and in responses, Anthropic's. */
function imageIn(part: Fields): string | null {
  const { type } = part;
  if (typeof type !== 'string') return null;
  if (unjudgeable.has(type)) {
    throw new ConclaveError('INVALID_REQUEST', `no detector can judge a part of type ${type}`, {
      detail: 'part_not_judgeable',
    });
  }
  const { image_url: url, source } = part as { image_url?: string | Fields; source?: Fields };
  if (type === 'image_url' || type === 'input_image')
    return String(typeof url === 'object' ? url['url'] : url);
  if (type === 'image' && typeof source === 'object') return String(source['data'] ?? source['url']);
  return null;
}
