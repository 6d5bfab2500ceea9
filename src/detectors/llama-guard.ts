import { z } from 'zod';
import { own } from '../domain/collections';
import type { DetectorAdapter, ItemAnswer } from './adapter';
import { conversationOf } from './conversation';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { requestHeaders } from './request-headers';

/** The published hazard categories, by the names that the label maps know where they know them. */
const categories: Readonly<Record<string, string>> = {
  S1: 'violence',
  S2: 'non_violent_crimes',
  S3: 'sex_crimes',
  S4: 'sexual/minors',
  S5: 'defamation',
  S6: 'specialized_advice',
  S7: 'pii',
  S8: 'intellectual_property',
  S9: 'indiscriminate_weapons',
  S10: 'hate',
  S11: 'self-harm',
  S12: 'sexual',
  S13: 'elections',
  S14: 'code_interpreter_abuse',
};

const tokenSchema = z.object({ token: z.string(), logprob: z.number() });
const answerSchema = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({ content: z.string() }),
        logprobs: z.object({ content: z.array(tokenSchema).nullish() }).nullish(),
      }),
    )
    .min(1),
});
type Choice = z.output<typeof answerSchema>['choices'][number];

/** Llama Guard behind chat completions (spec/detector-protocols.md): any text that is not its verdict is no verdict. */
export function llamaGuard(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { model, role, max_tokens, logprobs, labels } = paramsFor('llama-guard', request);
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, '/v1/chat/completions'),
        headers: await requestHeaders(request, item),
        body: {
          model,
          messages: conversationOf(item, role),
          temperature: 0,
          max_tokens,
          ...(logprobs && { logprobs: true }),
        },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no message');
      return verdictOf(parsed.data.choices[0]!, labels);
    });
}

function verdictOf(choice: Choice, labels: Readonly<Record<string, string>>): ItemAnswer {
  // Cut off in the middle of its categories, it would name too few of them.
  if (choice.finish_reason === 'length') throw invalid('the verdict was cut off: max_tokens is too low');
  const lines = choice.message.content.trim().split(/\s*\n\s*/);
  const [verdict, codes, ...more] = lines;
  if (more.length > 0) throw invalid('the answer is not a verdict');
  if (verdict === 'safe' && codes === undefined) return found([]);
  if (verdict !== 'unsafe') throw invalid('the answer is neither safe nor unsafe');
  const named = codes === undefined ? [] : codes.split(/\s*,\s*/);
  if (!named.every((code) => /^[A-Z]\d{1,2}$/.test(code))) throw invalid('the verdict names no categories');
  const names = named.map((code) => own(labels, code) ?? own(categories, code) ?? code);
  const score = scoreOf(choice);
  return found(
    (names.length === 0 ? ['unsafe'] : names).map((name) =>
      score === null ? certain(name) : label(name, score, { strength: score }),
    ),
  );
}

/** How sure the model was of `unsafe`: the chance of the tokens that spell it; null where the server gives none. */
function scoreOf({ logprobs }: Choice): number | null {
  let spelled = '';
  let sum = 0;
  for (const { token, logprob } of logprobs?.content ?? []) {
    if (spelled === '' && token.trim() === '') continue;
    spelled += token.trim();
    sum += logprob;
    if (!'unsafe'.startsWith(spelled)) return null;
    if (spelled === 'unsafe') return Math.min(1, Math.exp(sum));
  }
  return null;
}
