/** What is known of a wire protocol before any call. Free of zod, so that domain code may import it. */
interface ProtocolTraits {
  /** One call is about several contents. */
  readonly batches: boolean;
  /** Answers list findings, which those of several parts of a content add up to; else one verdict. */
  readonly findings: boolean;
}

const traits = {
  'detectors-api': { batches: true, findings: true },
  conclave: { batches: false, findings: false },
  'http-json': { batches: false, findings: true },
} as const satisfies Record<string, ProtocolTraits>;

export type Protocol = keyof typeof traits;
export const protocols = Object.keys(traits) as [Protocol, ...Protocol[]];

export function traitsOf(protocol: Protocol): ProtocolTraits {
  return traits[protocol];
}
