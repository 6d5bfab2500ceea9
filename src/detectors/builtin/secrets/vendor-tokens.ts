import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import type { Candidate } from '../overlaps';
import { isPlaceholder } from './likeness';

type Rule = (typeof rules)[number];
type RuleContext = Parameters<Rule['create']>[0];
type RuleSource = Parameters<NonNullable<ReturnType<Rule['create']>['file']>>[0];

/**
 * What each secretlint rule finds. Left out on purpose: `filter-comments`, by which the text itself could switch the
 * search off; `gcp`, which opens files; `aws`, whose spans begin at the
 * variable's name; and those whose ground our own patterns cover with fewer false alarms.
 */
const LABEL_BY_RULE: Readonly<Record<string, string>> = {
  npm: 'token',
  slack: 'token',
  openai: 'api_key',
  anthropic: 'api_key',
  groq: 'api_key',
  huggingface: 'token',
  linear: 'api_key',
  notion: 'token',
  shopify: 'token',
  github: 'token',
  gitlab: 'token',
  grafana: 'token',
  '1password': 'token',
  'hashicorp-vault': 'token',
  vercel: 'token',
  databricks: 'token',
  docker: 'token',
  figma: 'token',
};

const SCORE = 0.97;

const vendorRules = Object.entries(LABEL_BY_RULE).map(([name, label]) => {
  const rule = rules.find(({ meta }) => meta.id === `@secretlint/secretlint-rule-${name}`);
  if (rule === undefined) throw new Error(`secretlint has no rule ${name}`);
  return { rule, label };
});

/**
 * Tokens that their vendors gave a prefix, by the rules of secretlint. The rules run directly: secretlint's own core
 * keeps a profiler entry of every call for the life of the process.
 */
export async function findVendorTokens(text: string): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const { rule, label } of vendorRules) {
    await rule.create(reportingTo(found, label, text), {}).file?.(asSource(text));
  }
  return found;
}

function reportingTo(found: Candidate[], label: string, text: string): RuleContext {
  return {
    sharedOptions: {},
    // messages would quote the secret, and nobody reads them
    createTranslator: () => (messageId) => ({ message: '', messageId: String(messageId), data: undefined }),
    report: ({ range: [start, end] }) => {
      if (!isPlaceholder(text.slice(start, end))) found.push({ start, end, label, score: SCORE });
    },
    ignore: () => {},
  };
}

/** The rules above read the content and nothing else. */
function asSource(content: string): RuleSource {
  return { content, contentType: 'text', ext: '', filePath: undefined } as unknown as RuleSource;
}
