import { AwsV4Signer } from 'aws4fetch';
import { z } from 'zod';
import { CredentialsError } from './credentials-error';
import type { SecretScheme } from './secret-schemes';

const timeoutMs = 5000;
const answerSchema = z.object({ SecretString: z.string() });
const faultSchema = z.object({ __type: z.string() });
const objectSchema = z.record(z.string(), z.unknown());

/**
 * `name`, or `name#key` of one that holds JSON, from AWS Secrets Manager. Who we are there is in the variables that all
 * tools of AWS read, looked at anew for each request: they may be renewed.
 */
export function fromAwsSecretsManager(environment: NodeJS.ProcessEnv, ask = fetch): SecretScheme {
  return async (place) => {
    const [name = '', key] = place.split('#');
    const answer = await send(environment, place, JSON.stringify({ SecretId: name }), ask);
    const body: unknown = await answer.json().catch(() => null);
    if (answer.status !== 200) {
      const fault = faultSchema.safeParse(body).data?.__type.split('#').at(-1);
      if (fault === 'ResourceNotFoundException') return undefined;
      throw new CredentialsError(
        `aws-sm:${place} was refused by the secrets manager (${answer.status})`,
        answer.status >= 500,
      );
    }
    const parsed = answerSchema.safeParse(body);
    if (!parsed.success) {
      throw new CredentialsError(`aws-sm:${place} got an answer that is none of a secrets manager`);
    }
    return key === undefined ? parsed.data.SecretString : valueAt(parsed.data.SecretString, key);
  };
}

async function send(
  environment: NodeJS.ProcessEnv,
  place: string,
  body: string,
  ask: typeof fetch,
): Promise<Response> {
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'];
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  if (region === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
    throw new CredentialsError(
      `aws-sm:${place} needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    );
  }
  const signer = new AwsV4Signer({
    url: environment['AWS_ENDPOINT_URL_SECRETS_MANAGER'] ?? `https://secretsmanager.${region}.amazonaws.com/`,
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    },
    body,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service: 'secretsmanager',
    region,
  });
  const { url, headers } = await signer.sign();
  return ask(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch(() => {
    throw new CredentialsError(`aws-sm:${place} got no answer from the secrets manager`, true);
  });
}

function valueAt(text: string, key: string): string | undefined {
  try {
    const values = objectSchema.safeParse(JSON.parse(text)).data ?? {};
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
