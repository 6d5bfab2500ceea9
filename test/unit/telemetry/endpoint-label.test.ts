import { withoutNamesakes } from '../../../src/telemetry/endpoint-label';

describe('Series of upstreams that are gone', () => {
  it('go, unless another that is left has the same label', () => {
    const left = ['globex:a@1.0', 'b@2.0'];
    expect(withoutNamesakes(['acme:a@1.0', 'acme:a@1.1', 'b@1.0', 'a@1.0'], left)).toEqual([
      'acme:a@1.1',
      'b@1.0',
      'a@1.0',
    ]);
  });
});
