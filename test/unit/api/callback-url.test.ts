import { withCallback } from '../../../src/api/callback-url';

const rules = {
  refusalOf: (tenant: string, url: string) =>
    tenant === 'acme' && url === 'https://hooks.example/' ? null : 'is not allowed',
};
const named = (metadata: Record<string, string | number | null>) => ({ tenant_id: 'acme', metadata });

describe('The callback of a request', () => {
  it('is taken out of what detectors are shown', () => {
    expect(withCallback(named({ callback_url: 'https://hooks.example/', prompt: 'hi' }), rules)).toEqual({
      tenant_id: 'acme',
      metadata: { prompt: 'hi' },
      callback_url: 'https://hooks.example/',
    });
  });

  it('leaves no metadata behind where it was all there was', () => {
    const { metadata } = withCallback(named({ callback_url: 'https://hooks.example/' }), rules);
    expect(metadata).toBeUndefined();
  });

  it('that is null is none', () => {
    expect(withCallback(named({ callback_url: null, prompt: 'hi' }), rules)).toEqual(named({ prompt: 'hi' }));
  });

  it.each([['https://elsewhere.example/'], [7]])('%s is refused with the field', (callback_url) => {
    expect(() => withCallback(named({ callback_url }), rules)).toThrow(
      expect.objectContaining({ detail: 'callback_not_allowed', code: 'INVALID_REQUEST' }) as Error,
    );
  });
});
