export const attackTypes = [
  'sql_injection',
  'nosql_injection',
  'xss',
  'command_injection',
  'path_traversal',
  'crlf_injection',
  'xml_entity',
  'ldap_injection',
  'ssi_injection',
] as const;
export type AttackType = (typeof attackTypes)[number];

/** What is medium is counted; code and prose look like it, too. */
export const attackLevels = ['medium', 'high', 'critical'] as const;
export type AttackLevel = (typeof attackLevels)[number];

/** What a text looks like. It never holds the text. */
export interface Attack {
  readonly type: AttackType;
  readonly level: AttackLevel;
  /** Of domain/attack-rules.ts. */
  readonly rule: string;
}

export const firewallActions = ['blocked', 'monitored', 'counted'] as const;
/** `monitored`: it would have been blocked. */
export type FirewallAction = (typeof firewallActions)[number];
