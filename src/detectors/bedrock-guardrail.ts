import { AwsV4Signer } from 'aws4fetch';
import { z } from 'zod';
import { bedrockConfidences, type DetectorParams } from '../contract/detector-params';
import type { DetectorAdapter, DetectorItem, ItemAnswer, RawFinding } from './adapter';
import { paramsFor, unusable } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, gap, label } from './finding-list';
import { type DetectorHttpClient, invalid, type Sign } from './http-client';
import { imageOf } from './image-content';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

/** Under full scope also what was looked for and not found; older answers have no such member. */
const detected = { detected: z.boolean().nullish() };
const namedSchema = z.object({ name: labelSchema, ...detected });
const wordSchema = z.object({ match: z.string().nullish(), type: labelSchema.nullish(), ...detected });
const entitySchema = z.object({
  type: labelSchema.nullish(),
  name: labelSchema.nullish(),
  match: z.string().nullish(),
  ...detected,
});
const list = <T extends z.ZodType>(schema: T) => z.array(schema).nullish();

const assessmentSchema = z.object({
  topicPolicy: z.object({ topics: list(namedSchema) }).nullish(),
  contentPolicy: z
    .object({
      filters: list(z.object({ type: labelSchema, confidence: z.enum(bedrockConfidences), ...detected })),
    })
    .nullish(),
  wordPolicy: z.object({ customWords: list(wordSchema), managedWordLists: list(wordSchema) }).nullish(),
  sensitiveInformationPolicy: z
    .object({ piiEntities: list(entitySchema), regexes: list(entitySchema) })
    .nullish(),
  contextualGroundingPolicy: z
    .object({
      filters: list(z.object({ type: labelSchema, score: z.number(), threshold: z.number(), ...detected })),
    })
    .nullish(),
});
type Assessment = z.output<typeof assessmentSchema>;

const shareSchema = z.object({ guarded: z.int(), total: z.int() }).nullish();
const answerSchema = z.object({
  action: z.enum(['NONE', 'GUARDRAIL_INTERVENED']),
  assessments: list(assessmentSchema),
  guardrailCoverage: z.object({ textCharacters: shareSchema, images: shareSchema }).nullish(),
});
type Params = DetectorParams<'bedrock-guardrail'>;

/** Amazon Bedrock's ApplyGuardrail (spec/detector-protocols.md), signed by SigV4. */
export function bedrockGuardrail(
  http: DetectorHttpClient,
  now: () => Date = () => new Date(),
): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const params = paramsFor('bedrock-guardrail', request);
      const { guardrail_id, guardrail_version, source, output_scope } = params;
      const path = `/guardrail/${encodeURIComponent(guardrail_id)}/version/${guardrail_version}/apply`;
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, path),
        headers: await requestHeaders(request, item),
        body: {
          source,
          content: [request.contentType === 'image' ? imageBlock(item) : textBlock(item, params)],
          outputScope: output_scope,
        },
        ...(params.access_key && { sign: sigV4(params.region, params.access_key, now) }),
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no action with assessments');
      return read(parsed.data, params, item);
    });
}

function textBlock({ content }: DetectorItem, { qualifiers }: Params): object {
  return { text: { text: content, ...(qualifiers && { qualifiers }) } };
}

function imageBlock({ content }: DetectorItem): object {
  const { format, base64 } = imageOf(content);
  if (format !== 'png' && format !== 'jpeg') throw unusable('this detector takes PNG and JPEG images only');
  return { image: { format, source: { bytes: base64 } } };
}

function sigV4(region: string, key: NonNullable<Params['access_key']>, now: () => Date): Sign {
  return async ({ url, body }, secret) => {
    const signer = new AwsV4Signer({
      url,
      method: 'POST',
      body,
      accessKeyId: await secret(key.id_ref),
      secretAccessKey: await secret(key.secret_ref),
      ...(key.session_token_ref && { sessionToken: await secret(key.session_token_ref) }),
      service: 'bedrock',
      region,
      datetime: now()
        .toISOString()
        .replace(/[:-]|\.\d{3}/g, ''),
    });
    const { headers } = await signer.sign();
    return Object.fromEntries(headers.entries());
  };
}

function read(
  { action, assessments, guardrailCoverage }: z.output<typeof answerSchema>,
  { calibration }: Params,
  item: DetectorItem,
): ItemAnswer {
  const place = placing(item.content);
  const findings = (assessments ?? []).flatMap((assessment) => findingsOf(assessment, calibration, place));
  const shares = [guardrailCoverage?.textCharacters, guardrailCoverage?.images];
  const partly = shares.some((share) => share && share.guarded < share.total);
  return found(
    action === 'GUARDRAIL_INTERVENED' && findings.length === 0 ? [certain('guardrail_intervened')] : findings,
    partly ? [gap('partly_guarded')] : [],
  );
}

type Place = (match: string | null | undefined) => Pick<RawFinding, 'start' | 'end'>;

function findingsOf(assessment: Assessment, calibration: Params['calibration'], place: Place): RawFinding[] {
  const { topicPolicy, contentPolicy, wordPolicy, sensitiveInformationPolicy, contextualGroundingPolicy } =
    assessment;
  const words = [
    ...of(wordPolicy?.customWords).map((word) => ({ ...word, name: 'custom_word' })),
    ...of(wordPolicy?.managedWordLists).map((word) => ({ ...word, name: word.type ?? 'managed_word' })),
  ];
  const entities = [
    ...of(sensitiveInformationPolicy?.piiEntities).map((one) => ({ ...one, name: one.type ?? 'pii' })),
    ...of(sensitiveInformationPolicy?.regexes).map((one) => ({ ...one, name: one.name ?? 'regex' })),
  ];
  return [
    ...of(topicPolicy?.topics).map(({ name }) => certain(name)),
    ...of(contentPolicy?.filters).map(({ type, confidence }) =>
      label(type, bedrockConfidences.indexOf(confidence), {
        strength: calibration[confidence],
        level: confidence,
      }),
    ),
    ...[...words, ...entities].map(({ name, match }) => ({ ...certain(name), ...place(match) })),
    // A low score is the finding: what is claimed is not grounded, or not relevant.
    ...of(contextualGroundingPolicy?.filters)
      .filter(({ score, threshold }) => score < threshold)
      .map(({ type, score }) => label(type, score, { strength: Math.min(1, Math.max(0, 1 - score)) })),
  ];
}

function of<T extends { readonly detected?: boolean | null | undefined }>(
  entries: readonly T[] | null | undefined,
): T[] {
  return (entries ?? []).filter((entry) => entry.detected !== false);
}

/** Matches come without a place: each is the next occurrence of its text, where it occurs. */
function placing(content: string): Place {
  const searchedTo = new Map<string, number>();
  return (match) => {
    const at = match ? content.indexOf(match, searchedTo.get(match) ?? 0) : -1;
    if (!match || at < 0) return { start: null, end: null };
    searchedTo.set(match, at + match.length);
    const start = [...content.slice(0, at)].length;
    return { start, end: start + [...match].length };
  };
}
