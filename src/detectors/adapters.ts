import type { Protocol } from '../contract/protocols';
import type { DetectorAdapter } from './adapter';
import { azureContentSafety, azurePromptShield } from './azure-content-safety';
import { bedrockGuardrail } from './bedrock-guardrail';
import { conclaveProtocol } from './conclave-protocol';
import { detectorsApi, detectorsApiChat, detectorsApiContext, detectorsApiGeneration } from './detectors-api';
import { googleDlp } from './google-dlp';
import { guardrailsAi } from './guardrails-ai';
import type { DetectorHttpClient } from './http-client';
import { httpJson } from './http-json';
import { lakeraGuard } from './lakera-guard';
import { llamaGuard } from './llama-guard';
import { llmGuard } from './llm-guard';
import { nemoChecks } from './nemo-checks';
import { openaiModerations } from './openai-moderations';
import { presidio } from './presidio';
import { hfInference, tei } from './text-classification';

/** Who speaks which protocol. */
export function adaptersOver(http: DetectorHttpClient): Readonly<Record<Protocol, DetectorAdapter>> {
  return {
    'detectors-api': detectorsApi(http),
    'detectors-api-chat': detectorsApiChat(http),
    'detectors-api-generation': detectorsApiGeneration(http),
    'detectors-api-context': detectorsApiContext(http),
    conclave: conclaveProtocol(http),
    'http-json': httpJson(http),
    presidio: presidio(http),
    'openai-moderations': openaiModerations(http),
    tei: tei(http),
    'hf-inference': hfInference(http),
    'llama-guard': llamaGuard(http),
    'llm-guard': llmGuard(http),
    'guardrails-ai': guardrailsAi(http),
    'nemo-checks': nemoChecks(http),
    'azure-content-safety': azureContentSafety(http),
    'azure-prompt-shield': azurePromptShield(http),
    'bedrock-guardrail': bedrockGuardrail(http),
    'google-dlp': googleDlp(http),
    'lakera-guard': lakeraGuard(http),
  };
}
