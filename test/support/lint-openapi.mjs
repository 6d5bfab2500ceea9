import { createConfig, lintFromString } from '@redocly/openapi-core';

// Reads an OpenAPI document on stdin and prints what breaks its specification, as a JSON list of `place: message`.
// A process of its own because the linter is an ES module, which jest does not load.

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const problems = await lintFromString({
  source: Buffer.concat(chunks).toString(),
  absoluteRef: 'openapi.json',
  config: await createConfig({ extends: ['spec'] }),
});
process.stdout.write(
  JSON.stringify(
    problems.map(({ location, message, ruleId }) => `${location[0]?.pointer ?? ''}: ${message} (${ruleId})`),
  ),
);
