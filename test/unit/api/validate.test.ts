import { z } from 'zod';
import { validate } from '../../../src/api/validate';
import { ConclaveError } from '../../../src/contract/errors';

const schema = z.strictObject({
  name: z.string(),
  kind: z.enum(['x', 'y']),
  inner: z.strictObject({ list: z.array(z.strictObject({ c: z.number() })) }).nullish(),
  any: z.json().nullish(),
  way: z
    .discriminatedUnion('by', [
      z.strictObject({ by: z.literal('foot') }),
      z.strictObject({ by: z.literal('rail'), train: z.string() }),
    ])
    .nullish(),
});
const good = { name: 'n', kind: 'x' };

function faultsOf(value: unknown): readonly (readonly [string, string])[] {
  try {
    validate(schema, value);
  } catch (error) {
    return (error as ConclaveError).fieldErrors.map(({ path, message }) => [path, message] as const);
  }
  return [];
}

describe('Validation of a request', () => {
  it('gives what the schema makes of it', () => {
    expect(validate(schema, good)).toEqual(good);
  });

  it('tells absence, which null is too, from a wrong type', () => {
    expect(faultsOf({})).toEqual([
      ['name', 'is required'],
      ['kind', 'is required'],
    ]);
    expect(faultsOf({ name: null, kind: null })).toEqual(faultsOf({}));
    expect(faultsOf({ name: 5, kind: 5 })).toEqual([
      ['name', 'must be a string'],
      ['kind', 'must be one of x, y'],
    ]);
    expect(faultsOf({ ...good, inner: [] })).toEqual([['inner', 'must be an object']]);
    expect(faultsOf({ ...good, inner: { list: {} } })).toEqual([['inner.list', 'must be an array']]);
    expect(faultsOf({ ...good, way: { by: 'air' } })).toEqual([['way.by', 'must be one of foot, rail']]);
    expect(faultsOf({ ...good, way: { by: 'rail' } })).toEqual([['way.train', 'is required']]);
    expect(faultsOf({ ...good, any: Infinity })).toEqual([['any', 'must be a finite JSON value']]);
  });

  it('names the place inside lists', () => {
    expect(faultsOf({ ...good, inner: { list: [{ c: 1 }, { c: 'x' }, null, { c: 1, d: 2 }] } })).toEqual([
      ['inner.list[1].c', 'must be a number'],
      ['inner.list[2]', 'must be an object'],
      ['inner.list[3].d', 'is not a known field'],
    ]);
  });

  it('sums up in a message the first fault and how many more there are, never a value', () => {
    const marker = 'never-echoed';
    expect(() => validate(schema, { name: 5, kind: marker, extra: marker })).toThrow(
      new ConclaveError('INVALID_REQUEST', 'the request is invalid: name must be a string (and 2 more)'),
    );
    expect(() => validate(schema, marker)).toThrow(/^the request is invalid: the body must be an object$/);
  });
});
