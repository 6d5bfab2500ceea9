/** What is known of a wire protocol before any call. Free of zod, so that domain code may import it. */
interface ProtocolTraits {
  /** One call is about several contents. */
  readonly batches: boolean;
  /** Answers list findings, which those of several parts of a content add up to; else one verdict. */
  readonly findings: boolean;
  /** Strengths come out of a scale of its own, so that a registration's score_normalization has no work. */
  readonly ownScale: boolean;
  /** Takes images as the contract has them; else they would be read as a text of base64, and found clean. */
  readonly images: boolean;
  /** Most code points of a text that any server of it takes. */
  readonly maxLength?: number;
  /** Where it says that it is well; null: nowhere that costs nothing, so it is not probed. */
  readonly healthPath: string | null;
}

const batching: ProtocolTraits = {
  batches: true,
  findings: true,
  ownScale: false,
  images: false,
  healthPath: '/health',
};
const scoring: ProtocolTraits = { ...batching, batches: false };
const ofTheCloud: ProtocolTraits = { ...scoring, ownScale: true, healthPath: null };

const traits = {
  'detectors-api': { ...batching, images: true },
  'detectors-api-chat': scoring,
  'detectors-api-generation': scoring,
  'detectors-api-context': scoring,
  conclave: { ...scoring, findings: false, images: true },
  'http-json': { ...scoring, images: true },
  presidio: batching,
  'openai-moderations': { ...batching, images: true, healthPath: null },
  tei: batching,
  'hf-inference': { ...scoring, healthPath: null },
  'llama-guard': { ...scoring, ownScale: true },
  'llm-guard': { ...scoring, healthPath: '/healthz' },
  'guardrails-ai': { ...scoring, ownScale: true, healthPath: '/health-check' },
  'nemo-checks': { ...scoring, ownScale: true, healthPath: null },
  'azure-content-safety': { ...ofTheCloud, images: true, maxLength: 10_000 },
  'azure-prompt-shield': { ...ofTheCloud, maxLength: 10_000 },
  'bedrock-guardrail': { ...ofTheCloud, images: true },
  'google-dlp': { ...ofTheCloud, images: true },
  'lakera-guard': ofTheCloud,
} as const satisfies Record<string, ProtocolTraits>;

export type Protocol = keyof typeof traits;
export const protocols = Object.keys(traits) as [Protocol, ...Protocol[]];

export function traitsOf(protocol: Protocol): ProtocolTraits {
  return traits[protocol];
}
