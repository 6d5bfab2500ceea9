import '../contract/facades';
import { fmsPath } from './facades/fms';
import { litellmPath } from './facades/litellm';
import { portkeyPath } from './facades/portkey';
import { answer, header, json } from './openapi-parts';

const parameters = [
  header('X-Tenant-ID', 'For whom; default: the tenant of the credential, else facades.tenant_id'),
  header('X-Policy-Bundle', 'By which bundle; default: facades.policy_bundle'),
];

const faults = (id: string, badRequest: string) => ({
  [badRequest]: answer('The call is not understood, or the content not accepted', id),
  '401': answer('No valid credential; without authentication: one that is not facades.client_key', id),
  '429': answer('RATE_LIMITED, or every detector is overloaded', id),
  '500': answer('Something went wrong on our side', id),
  '502': answer('No detector could be reached', id),
  '503': answer('Less was judged than the policy asks for', id),
  '504': answer('Not judged in time', id),
});

/** These paths have the addresses that clients of other products know. */
const atRoot = [{ url: '/' }];

/** The façades (docs/facades.md). */
export const facadePaths = {
  '/moderations': {
    post: {
      operationId: 'openAiModerations',
      summary: "OpenAI's moderations; also at /v1/moderations",
      description:
        'Beside the 13 categories of OpenAI, canonical ones where such were found. `category_applied_input_types` is empty for what no detector of the bundle looks for.',
      parameters,
      requestBody: { required: true, content: json('ModerationsRequest') },
      responses: {
        '200': answer('Judged, or flagged by what was judged', 'ModerationsResponse'),
        '403': answer('The policy refuses the call', 'OpenAiErrorResponse'),
        ...faults('OpenAiErrorResponse', '400'),
      },
    },
  },
  [fmsPath]: {
    post: {
      servers: atRoot,
      operationId: 'fmsContentDetection',
      summary: "The FMS Guardrails Orchestrator's content detection, v2",
      description:
        'The named detectors are required beside those of the bundle; unless all of them have judged, the answer is an error.',
      parameters,
      requestBody: { required: true, content: json('FmsContentDetectionRequest') },
      responses: {
        '200': answer('What the named detectors found', 'FmsContentDetectionResponse'),
        '400': answer('There is no such bundle, or the content is not accepted', 'FmsErrorResponse'),
        '403': answer('The policy refuses the call', 'FmsErrorResponse'),
        '404': answer('There is no such detector', 'FmsErrorResponse'),
        ...faults('FmsErrorResponse', '422'),
      },
    },
  },
  [litellmPath]: {
    post: {
      servers: atRoot,
      operationId: 'litellmGuardrail',
      summary: "LiteLLM's generic guardrail",
      description: 'Content that cannot be judged is BLOCKED, with the reason.',
      parameters,
      requestBody: { required: true, content: json('LitellmGuardrailRequest') },
      responses: {
        '200': answer('To be let pass, or to be blocked', 'LitellmGuardrailResponse'),
        '400': answer('The call is not understood', 'LitellmErrorResponse'),
        '401': answer('No valid credential', 'LitellmErrorResponse'),
        '403': answer('The credential does not permit this', 'LitellmErrorResponse'),
      },
    },
  },
  [portkeyPath]: {
    post: {
      servers: atRoot,
      operationId: 'portkeyGuardrail',
      summary: "Portkey's guardrail webhook",
      description:
        'Portkey lets traffic pass after an error, so every fault is `verdict: false` with status 200, within 2.5 s.',
      parameters,
      requestBody: { required: true, content: json('PortkeyGuardrailRequest') },
      responses: { '200': answer('The verdict', 'PortkeyGuardrailResponse') },
    },
  },
};
