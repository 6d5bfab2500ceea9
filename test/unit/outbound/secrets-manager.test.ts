import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsV4Signer } from 'aws4fetch';
import { fromAwsSecretsManager } from '../../../src/outbound/secrets-manager';

/** Speaks AWS's wire: refuses what is not signed with its key. */
class FakeSecretsManager {
  readonly secrets = new Map<string, string>();
  fails: number | null = null;
  #server: Server;

  constructor(private readonly key: string) {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) =>
        response
          .writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify(body)),
      );
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.close();
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    if (this.fails !== null) return { status: this.fails, body: { __type: 'InternalServiceError' } };
    const { headers } = request;
    const expected = await new AwsV4Signer({
      url: `http://${headers.host}${request.url}`,
      method: 'POST',
      headers: {
        'content-type': headers['content-type']!,
        'x-amz-target': String(headers['x-amz-target']),
        ...(headers['x-amz-security-token'] && {
          'x-amz-security-token': String(headers['x-amz-security-token']),
        }),
      },
      body: text,
      accessKeyId: 'AKID',
      secretAccessKey: this.key,
      service: 'secretsmanager',
      region: 'eu-central-1',
      datetime: String(headers['x-amz-date']),
    }).sign();
    if (headers.authorization !== expected.headers.get('authorization'))
      return { status: 400, body: { __type: 'com.amazonaws#InvalidSignatureException' } };
    if (headers['x-amz-target'] !== 'secretsmanager.GetSecretValue')
      return { status: 400, body: { __type: 'UnknownOperationException' } };
    const { SecretId: name } = JSON.parse(text) as { SecretId: string };
    const secret = this.secrets.get(name);
    return secret === undefined
      ? { status: 400, body: { __type: 'ResourceNotFoundException' } }
      : { status: 200, body: { Name: name, SecretString: secret } };
  }
}

describe('Secrets in AWS Secrets Manager', () => {
  const fake = new FakeSecretsManager('the key');
  let environment: Record<string, string>;
  beforeAll(async () => {
    environment = {
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKID',
      AWS_SECRET_ACCESS_KEY: 'the key',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: await fake.listen(),
    };
    fake.secrets.set('detectors/plain', 'sesame');
    fake.secrets.set('detectors/many', JSON.stringify({ lakera: 'sesame', number: 1 }));
  });
  afterAll(() => fake.close());
  beforeEach(() => (fake.fails = null));

  const read = (place: string, change: Record<string, string | undefined> = {}) =>
    fromAwsSecretsManager({ ...environment, ...change })(place);

  it.each([
    ['as they are', 'detectors/plain', 'sesame'],
    ['by a key of the JSON that they hold', 'detectors/many#lakera', 'sesame'],
    ['not by a key that is not there', 'detectors/many#other', undefined],
    ['not by a key of every object', 'detectors/many#constructor', undefined],
    ['not by a key of what is no text', 'detectors/many#number', undefined],
    ['not by a key of what is no JSON', 'detectors/plain#lakera', undefined],
    ['not by a name that is not there', 'detectors/none', undefined],
  ])('are read %s', async (_how, place, expected) => {
    expect(await read(place)).toBe(expected);
  });

  it('are read with a session’s token', async () => {
    expect(await read('detectors/plain', { AWS_SESSION_TOKEN: 'for an hour' })).toBe('sesame');
  });

  it('are not read with another key, which is not worth another try', async () => {
    await expect(read('detectors/plain', { AWS_SECRET_ACCESS_KEY: 'another' })).rejects.toMatchObject({
      name: 'CredentialsError',
      message: 'aws-sm:detectors/plain was refused by the secrets manager (400)',
      retryable: false,
    });
  });

  it('are worth another try when the manager fails, or is not there', async () => {
    fake.fails = 500;
    await expect(read('a')).rejects.toMatchObject({ retryable: true });
    await expect(
      read('a', { AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:1/' }),
    ).rejects.toMatchObject({
      message: 'aws-sm:a got no answer from the secrets manager',
      retryable: true,
    });
  });

  it('need to be told who we are', async () => {
    await expect(read('a', { AWS_REGION: undefined })).rejects.toThrow('aws-sm:a needs AWS_REGION');
  });
});
