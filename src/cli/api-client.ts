/** The API cannot be reached or is not able to, or the command was given what it cannot send. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** The API has refused. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export interface ApiTarget {
  /** Origin of the facade. */
  readonly url: string;
  readonly tenant?: string | undefined;
  /** Who calls, while there is no authentication. */
  readonly principal?: string | undefined;
}

const notNow = new Set(['INTERNAL_ERROR', 'RATE_LIMITED', 'STORE_UNAVAILABLE']);

interface ErrorBody {
  readonly message?: string;
  readonly error_code?: string;
  readonly field_errors?: readonly { readonly path: string; readonly message: string }[];
  readonly details?: { readonly remedy?: string } | null;
}

/** Asks a facade as any client does. @returns the body; null when there is none */
export async function callApi<T>(
  target: ApiTarget,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await ask(target, method, path, body);
  return answered<T>(target, response, await response.text());
}

/** Asks for what is too large to hold. @returns it as it comes */
export async function downloadFrom(target: ApiTarget, path: string): Promise<AsyncIterable<Uint8Array>> {
  const response = await ask(target, 'GET', path);
  if (response.ok && response.body) return response.body;
  return answered<never>(target, response, await response.text());
}

async function ask(
  { url, tenant, principal }: ApiTarget,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  if (!/^https?:\/\/./i.test(url) || !URL.canParse(url)) {
    throw new ConnectionError(`${url} is no address: write one like http://127.0.0.1:8000`);
  }
  return fetch(new URL(`/api/v1${path}`, url), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }),
      ...credential(),
      ...(principal === undefined ? {} : { 'x-principal': principal }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    const { cause } = error as { cause?: { code?: string } };
    throw new ConnectionError(
      `${url} does not answer (${cause?.code ?? (error as Error).message}); is it running?`,
    );
  });
}

function answered<T>({ url }: ApiTarget, response: Response, text: string): T {
  const value = parsed(text, url);
  if (response.ok) return value as T;
  const { message, error_code: code, field_errors: faults = [], details } = (value ?? {}) as ErrorBody;
  const places = faults
    .filter((fault) => !message?.includes(`${fault.path}: ${fault.message}`) && fault.message !== message)
    .map(
      (fault) => `
  ${fault.path}: ${fault.message}`,
    )
    .join('');
  const remedy =
    details?.remedy === undefined
      ? ''
      : `
${details.remedy}`;
  const told = `${message ?? `the API answered ${response.status}`}${places}${remedy}`;
  // What the server cannot do now says nothing about what was asked.
  if (notNow.has(code ?? '')) throw new ConnectionError(told);
  throw new RefusedError(told);
}

/** Not an option: arguments can be read by others on the machine. */
function credential(): Record<string, string> {
  const key = process.env['CONCLAVE_API_KEY'];
  if (key === undefined || key === '') return {};
  return key.startsWith('ck_') ? { 'x-api-key': key } : { authorization: `Bearer ${key}` };
}

function parsed(text: string, url: string): unknown {
  try {
    return text === '' ? null : (JSON.parse(text) as unknown);
  } catch {
    throw new ConnectionError(`what answers at ${url} is not Conclave`);
  }
}
