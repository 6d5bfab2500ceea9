import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { seal, unseal } from '../../../src/store/sealed-box';

const key = randomBytes(32);

describe('A sealed box', () => {
  it('opens to what was put in, with the key and the context it was sealed with', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.string(), (plaintext, context) => {
        expect(unseal(key, seal(key, plaintext, context), context)).toEqual(Buffer.from(plaintext));
      }),
    );
  });

  it('does not open with another key, in another context, or with one bit changed', () => {
    const sealed = seal(key, Buffer.from('kept'), 'row 1');
    expect(() => unseal(randomBytes(32), sealed, 'row 1')).toThrow();
    expect(() => unseal(key, sealed, 'row 2')).toThrow();
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at]! ^= 1;
      expect(() => unseal(key, changed, 'row 1')).toThrow();
    }
  });

  it('has a nonce that no other has, and keeps it', () => {
    const sealed = Array.from({ length: 1000 }, () => seal(key, Buffer.from('kept'), 'row 1'));
    expect(new Set(sealed.map((box) => box.subarray(0, 12).toString('hex'))).size).toBe(1000);
    for (const box of sealed) expect(unseal(key, box, 'row 1').toString()).toBe('kept');
  });

  it('does not open when it is cut short', () => {
    const sealed = seal(key, Buffer.from('kept'), 'row 1');
    for (let length = 0; length < sealed.length; length++)
      expect(() => unseal(key, sealed.subarray(0, length), 'row 1')).toThrow();
  });

  it('is another one every time', () => {
    const boxes = Array.from({ length: 100 }, () => seal(key, Buffer.from('same'), 'same').toString('hex'));
    expect(new Set(boxes).size).toBe(100);
  });

  it('opens out of a view on larger memory', () => {
    const sealed = seal(key, Buffer.from('kept'), 'row 1');
    const memory = new Uint8Array(sealed.length + 20);
    memory.set(sealed, 7);
    expect(unseal(key, memory.subarray(7, 7 + sealed.length), 'row 1').toString()).toBe('kept');
  });
});
