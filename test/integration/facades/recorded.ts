/** Bodies as clients sent them: LiteLLM 1.106.2 (generic_guardrail_api, ibm_guardrails) and Portkey's gateway 1.15.2. */

const messages = [
  { role: 'system', content: 'You are helpful.' },
  { role: 'user', content: 'What is the weather like?' },
];

export const litellmRequest = {
  input_type: 'request',
  litellm_call_id: null,
  litellm_trace_id: null,
  structured_messages: messages,
  images: null,
  tools: [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        description: 'the weather of a place',
        parameters: { type: 'object', properties: { place: { type: 'string' } } },
      },
    },
  ],
  texts: ['You are helpful.', 'What is the weather like?'],
  request_data: { user_api_key_alias: 'team' },
  request_headers: { 'user-agent': 'x' },
  litellm_version: '1.106.2',
  additional_provider_specific_params: {},
  tool_calls: null,
  model: 'gpt-4o',
};

export const litellmResponse = {
  input_type: 'response',
  litellm_call_id: null,
  litellm_trace_id: null,
  structured_messages: null,
  images: null,
  tools: null,
  texts: ['Let me look it up.'],
  request_data: {},
  request_headers: null,
  litellm_version: '1.106.2',
  additional_provider_specific_params: {},
  tool_calls: [
    { function: { arguments: '{"place": "Oslo"}', name: 'get_weather' }, id: 'call_1', type: 'function' },
  ],
  model: null,
};

/** `ibm_guardrails` with is_detector_server: false. */
export const litellmFms = { content: 'my SSN is 536-90-4399', detectors: { pii: {} } };

const request = {
  json: { model: 'gpt-4o', messages },
  text: 'What is the weather like?',
  isStreamingRequest: false,
  isTransformed: false,
};

export const portkeyBefore = {
  request,
  response: { json: {}, text: '', statusCode: null, isTransformed: false },
  provider: 'openai',
  requestType: 'chatComplete',
  metadata: {},
  eventType: 'beforeRequestHook',
};

export const portkeyAfter = {
  request,
  response: {
    json: {
      id: 'c1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-4o',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'My SSN is 536-90-4399.' },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
    text: 'My SSN is 536-90-4399.',
    statusCode: 200,
    isTransformed: false,
  },
  provider: 'openai',
  requestType: 'chatComplete',
  metadata: {},
  eventType: 'afterRequestHook',
};
