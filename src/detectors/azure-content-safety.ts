import { z } from 'zod';
import { azureCategories, type DetectorParams } from '../contract/detector-params';
import type { DetectorAdapter, DetectorItem, ItemAnswer } from './adapter';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, gap, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { imageOf } from './image-content';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const highest = { FourSeverityLevels: 6, EightSeverityLevels: 7 } as const;

const analysisSchema = z.object({
  blocklistsMatch: z.array(z.object({ blocklistName: labelSchema })).nullish(),
  categoriesAnalysis: z.array(
    z.object({ category: z.enum(azureCategories), severity: z.int().min(0).max(7) }),
  ),
});
type Params = DetectorParams<'azure-content-safety'>;

const attackSchema = z.object({ attackDetected: z.boolean() });
const shieldSchema = z.object({
  userPromptAnalysis: attackSchema.nullish(),
  documentsAnalysis: z.array(attackSchema).nullish(),
});

/** Azure AI Content Safety, `text:analyze` and `image:analyze` (spec/detector-protocols.md). */
export function azureContentSafety(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const given = paramsFor('azure-content-safety', request);
      const isImage = request.contentType === 'image';
      // Images have four levels, and no words that a list could name.
      const params = isImage ? { ...given, output_type: 'FourSeverityLevels' as const } : given;
      const path = `/contentsafety/${isImage ? 'image' : 'text'}:analyze`;
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, path, { 'api-version': params.api_version }),
        headers: await requestHeaders(request, item),
        body: {
          ...(isImage ? { image: { content: imageOf(item.content).base64 } } : textOf(item, params)),
          ...(params.categories && { categories: params.categories }),
          outputType: params.output_type,
        },
        signal,
      });
      const parsed = analysisSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no analysis of categories');
      return read(parsed.data, params);
    });
}

function textOf({ content }: DetectorItem, { blocklist_names, halt_on_blocklist_hit }: Params): object {
  return {
    text: content,
    ...(blocklist_names && { blocklistNames: blocklist_names }),
    ...(halt_on_blocklist_hit !== undefined && { haltOnBlocklistHit: halt_on_blocklist_hit }),
  };
}

/** A hit in a blocklist may halt the analysis: categories that are not in the answer were not judged. */
function read(
  { blocklistsMatch, categoriesAnalysis }: z.output<typeof analysisSchema>,
  { categories, min_severity, output_type }: Params,
): ItemAnswer {
  const most = highest[output_type];
  if (categoriesAnalysis.some(({ severity }) => severity > most)) {
    throw invalid(`a severity is over ${most}`);
  }
  const analyzed = new Set<string>(categoriesAnalysis.map(({ category }) => category));
  const missing = (categories ?? azureCategories).filter((category) => !analyzed.has(category));
  const blocklists = new Set((blocklistsMatch ?? []).map(({ blocklistName }) => blocklistName));
  return found(
    [
      ...categoriesAnalysis
        .filter(({ severity }) => severity >= min_severity)
        .map(({ category, severity }) => label(category, severity, { strength: severity / most })),
      ...[...blocklists].map((name) => certain(`blocklist:${name}`)),
    ],
    missing.length === 0 ? [] : [gap('not_applied', missing)],
  );
}

/** Azure AI Content Safety, `text:shieldPrompt`: attacks in a user's prompt, or in a document. */
export function azurePromptShield(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { api_version, target } = paramsFor('azure-prompt-shield', request);
      const isPrompt = target === 'prompt';
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, '/contentsafety/text:shieldPrompt', { 'api-version': api_version }),
        headers: await requestHeaders(request, item),
        body: { userPrompt: isPrompt ? item.content : '', documents: isPrompt ? [] : [item.content] },
        signal,
      });
      const parsed = shieldSchema.safeParse(body);
      const analysis = isPrompt ? parsed.data?.userPromptAnalysis : parsed.data?.documentsAnalysis?.[0];
      if (!analysis) throw invalid(`the answer has no analysis of the ${target}`);
      return found(analysis.attackDetected ? [certain(isPrompt ? 'jailbreak' : 'prompt_injection')] : []);
    });
}
