import { vsprintf } from 'sprintf-js';

const maxLength = 10_000;
const widePlaceholder = /%[^%a-zA-Z]*\d{4}/;

/** `sprintf` of Rego as far as C has it; bounded, because it runs outside of what the policy may use of time and memory. */
export function formatted(format: unknown, values: unknown): string {
  if (typeof format !== 'string' || !Array.isArray(values))
    throw new Error('sprintf: takes a format and a list');
  if (format.length > maxLength || JSON.stringify(values).length > maxLength || widePlaceholder.test(format))
    throw new Error('sprintf: formats too much');
  const text = vsprintf(format, values);
  if (text.length > maxLength) throw new Error('sprintf: formats too much');
  return text;
}
