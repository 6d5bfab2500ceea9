/**
 * One way to write dangerous code. Patterns carry the flag `g` and must stay linear on hostile text: no nested
 * quantifiers, and at most a few hundred characters of bounded gap between the parts of a match.
 */
export interface Rule {
  readonly label: DangerLabel;
  /** Strength in [0, 1] of a match. */
  readonly score: number;
  readonly pattern: RegExp;
  /** All of these must be found within {@link NEIGHBORHOOD} characters of the match. */
  readonly near?: readonly RegExp[];
  /** Found within {@link NEIGHBORHOOD} characters of the match, this clears it. */
  readonly unless?: RegExp;
}

/** What one idea is spread over in real code: about twenty lines either side. */
export const NEIGHBORHOOD = 800;

export const dangerLabels = [
  'reverse_shell',
  'download_and_execute',
  'destructive_command',
  'obfuscated_execution',
  'credential_theft',
  'keylogger',
  'ransomware',
  'persistence_mechanism',
  'privilege_escalation',
  'defense_evasion',
  'unsafe_permissions',
  'unsafe_sql',
  'sql_injection',
  'command_injection',
  'unsafe_deserialization',
  'unsafe_tls',
  'cryptominer',
  'process_injection',
] as const;

export type DangerLabel = (typeof dangerLabels)[number];

/** A rule family: the rules of one label, written as strength, pattern and what has to surround it. */
export function rulesFor(
  label: DangerLabel,
  rules: readonly (readonly [score: number, pattern: RegExp, context?: Pick<Rule, 'near' | 'unless'>])[],
): Rule[] {
  return rules.map(([score, pattern, context]) => ({ label, score, pattern, ...context }));
}
