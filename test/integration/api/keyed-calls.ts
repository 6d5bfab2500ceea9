import { randomUUID } from 'node:crypto';

interface Call {
  readonly url: string;
  readonly init: RequestInit;
}

/** How a call of an operation is made one that is refused, and one that asks for something else. */
interface Variants {
  readonly refused: (call: Call) => Call | null;
  /** Null: none that gets as far as its key. */
  readonly other: (call: Call) => Call | null;
}

const jobs = ['/orchestrate', '/orchestrate/jobs/{job_id}/rerun'];
const bulkJobs = ['/orchestrate/bulk', '/orchestrate/bulk/{bulk_id}/rerun'];

/** Operations under a key of whoever watches the calls of a test (spec/orchestration.md 6). */
export class KeyedCalls {
  /** `method route` of those that were seen to keep to the rules. */
  readonly shown = new Set<string>();

  /**
   * Does what calls an operation, the first good call of it under an Idempotency-Key: a call that is refused leaves the key
   * free, the same call again is answered the same, and another under its key is a conflict.
   */
  async during<T>(method: string, route: string, ask: () => Promise<T>): Promise<T> {
    const send = globalThis.fetch;
    let isSeen = false;
    const spy = jest.spyOn(globalThis, 'fetch').mockImplementation(async (input, init = {}) => {
      const call = { url: input instanceof Request ? input.url : new URL(input).href, init };
      if (isSeen || !isCallOf(method, route, call)) return send(input, init);
      const answer = await this.#keyed(send, `${method} ${route}`, route, call);
      isSeen = answer.ok;
      return answer;
    });
    try {
      return await ask();
    } finally {
      spy.mockRestore();
    }
  }

  async #keyed(send: typeof fetch, operation: string, route: string, call: Call): Promise<Response> {
    const headers = new Headers(call.init.headers);
    if (!headers.has('idempotency-key')) headers.set('idempotency-key', randomUUID());
    const under = ({ url, init }: Call) => send(url, { ...init, headers });
    const { refused, other } = variantsOf(route, call);
    const wrong = refused(call);
    if (wrong) expect((await under(wrong)).status).toBeGreaterThanOrEqual(400);
    const first = await under(call);
    if (first.status >= 300) return first;
    expect([operation, isReplay(first)]).toEqual([operation, false]);
    expect(first.headers.get('idempotency-key')).toBe(headers.get('idempotency-key'));
    await expectRepeated(route, await under(call), first.clone());
    const another = other(call);
    if (another) {
      const { status, detail } = await refusalIn(await under(another));
      expect([operation, status, detail]).toEqual([operation, 409, 'idempotency_conflict']);
    }
    this.shown.add(operation);
    return first;
  }
}

function isReplay({ headers }: Response): boolean {
  return headers.get('idempotency-replayed') === 'true';
}

/** What became a job is answered for as the job is by then; everything else verbatim. */
async function expectRepeated(route: string, again: Response, first: Response): Promise<void> {
  expect(isReplay(again)).toBe(true);
  const [said, before] = [await again.text(), await first.text()];
  const id = jobs.includes(route) ? 'job_id' : bulkJobs.includes(route) ? 'bulk_id' : null;
  if (id !== null && first.status === 202) expect(fieldOf(said, id)).toEqual(fieldOf(before, id));
  else expect([again.status, said]).toEqual([first.status, before]);
}

function fieldOf(text: string, name: string): unknown {
  return (JSON.parse(text) as Record<string, unknown>)[name];
}

async function refusalIn(answer: Response): Promise<{ status: number; detail: unknown }> {
  const text = await answer.text();
  return { status: answer.status, detail: text === '' ? null : fieldOf(text, 'detail') };
}

function isCallOf(method: string, route: string, { url, init }: Call): boolean {
  const pattern = new RegExp(`^/api/v1${route.replace(/\{\w+\}/g, '[^/]+')}$`);
  return (init.method ?? 'GET').toLowerCase() === method && pattern.test(new URL(url).pathname);
}

/** The first of the path's parameters leads nowhere. */
function elsewhere(route: string): Variants['refused'] {
  return (call) => {
    const url = new URL(call.url);
    const at = `/api/v1${route}`.split('/').findIndex((part) => part.startsWith('{'));
    if (at === -1) return null;
    url.pathname = url.pathname.split('/').with(at, 'unforeseen').join('/');
    return { ...call, url: url.href };
  };
}

/** Another body, of the same kind. */
function changed(change: (body: Record<string, unknown>) => object): Variants['refused'] {
  return ({ url, init }) => {
    const body = JSON.parse(String(init.body as string)) as Record<string, unknown>;
    return { url, init: { ...init, body: JSON.stringify(change(body)) } };
  };
}

const unforeseen = changed((body) => ({ ...body, unforeseen: 1 }));

function withQuery(search: string): Variants['refused'] {
  return (call) => {
    const url = new URL(call.url);
    url.search = search;
    return { ...call, url: url.href };
  };
}

const cutOff: Variants['refused'] = ({ url, init }) => {
  const form = new FormData();
  for (const [name, value] of init.body as FormData)
    form.set(name, typeof value === 'string' ? value : value.slice(0, 100));
  return { url, init: { ...init, body: form } };
};

const lines = (more: string): Variants['refused'] => {
  return ({ url, init }) => ({
    url,
    init: { ...init, body: more && `${String(init.body as string)}\n${more}` },
  });
};

/** Where the rule is not that of its kind. */
const special: Readonly<Record<string, Partial<Variants>>> = {
  '/cache': { refused: withQuery(''), other: withQuery('') },
  // Nothing can be wrong with them.
  '/config/reload': { refused: () => null, other: withQuery('another') },
  '/registry/sync': { refused: () => null, other: withQuery('another') },
  '/orchestrate': { other: changed((body) => ({ ...body, content: 'another text' })) },
  '/orchestrate/batch': { other: changed((body) => ({ ...body, batch_id: 'another' })) },
  '/orchestrate/jobs/{job_id}/rerun': { other: changed((body) => ({ ...body, policy: 'current' })) },
  '/orchestrate/bulk': { refused: lines(''), other: lines('{}') },
  // Of another job it is told first that there is none.
  '/orchestrate/bulk/{bulk_id}/rerun': { other: () => null },
  '/orchestrate/content': { refused: cutOff, other: cutOff },
};

function variantsOf(route: string, { init }: Call): Variants {
  const usual = typeof init.body === 'string' ? unforeseen : elsewhere(route);
  return { refused: usual, other: usual, ...special[route] };
}
