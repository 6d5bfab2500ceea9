import { ConclaveError, type FieldError } from '../contract/errors';
import { isRegoTest } from './bundle';
import type { Judgement } from './judge';
import { policyFile } from './policy-file';
import { formatProblem, type PolicyProblem } from './problem';
import { verdictOf } from './verdict';

const maxFieldErrors = 50;

/** What an author is told of a version that is not taken: each fault with its field, file and line, and the whole report. */
export function refusalOf(policyBundle: string, judgement: Judgement): ConclaveError {
  const [first, ...more] = judgement.errors;
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return new ConclaveError('INVALID_REQUEST', `the policy is refused: ${formatProblem(first!)}${others}`, {
    detail: 'policy_invalid',
    fieldErrors: judgement.errors.slice(0, maxFieldErrors).map(fieldError),
    details: { report: verdictOf(policyBundle, judgement) },
  });
}

function fieldError(fault: PolicyProblem): FieldError {
  const { file, path, message } = fault;
  if (path !== undefined) return { path: `policy${dotted(path)}`, message: withoutPath(message, path) };
  if (file === policyFile) return { path: 'policy', message };
  if (file === 'shape') return { path: file, message };
  if (file.startsWith('fixtures')) return { path: 'fixtures', message };
  if (file === '.') return { path: 'rego', message };
  return { path: `${isRegoTest(file) ? 'rego_tests' : 'rego'}.${file}`, message: formatProblem(fault) };
}

/** Who reads a message beside its field has the field. */
function withoutPath(message: string, pointer: string): string {
  const told = `${pointer.slice(1).replaceAll('/', '.')}: `;
  return message.startsWith(told) ? message.slice(told.length) : message;
}

/** Of a JSON pointer: `/a/2/b` is `.a[2].b`. */
function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) =>
      /^\d+$/.test(part) ? `[${part}]` : `.${part.replaceAll('~1', '/').replaceAll('~0', '~')}`,
    )
    .join('');
}
