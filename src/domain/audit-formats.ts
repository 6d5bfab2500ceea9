import type { AuditRecord } from '../contract/audit';

export const auditFormats = ['ndjson', 'cef', 'syslog'] as const;
export type AuditFormat = (typeof auditFormats)[number];

/** A record as one line. */
export function auditLine(format: AuditFormat, record: AuditRecord, source: AuditSource): string {
  if (format === 'ndjson') return JSON.stringify(record);
  return format === 'cef' ? cefLine(record, source) : syslogLine(record, source);
}

/** What wrote the log. */
export interface AuditSource {
  readonly version: string;
  readonly host: string;
}

const alarming = new Set(['auth_failure', 'permission_denied', 'token_replayed', 'audit_gap']);

/** ArcSight Common Event Format, version 0. */
function cefLine(record: AuditRecord, { version }: AuditSource): string {
  const severity = alarming.has(record.kind) ? 7 : 3;
  const header = ['Conclave', 'orchestrator', version, record.kind, record.kind.replaceAll('_', ' ')];
  return `CEF:0|${[...header.map(cefHeader), String(severity)].join('|')}|${cefExtension(record)}`;
}

function cefHeader(text: string): string {
  return text.replace(/[\\|]/g, '\\$&').replace(/[\r\n]+/g, ' ');
}

function cefExtension(record: AuditRecord): string {
  const { principal, address, outcome, action } = record.record;
  const fields = {
    rt: Date.parse(record.at),
    externalId: record.sequence,
    cs1Label: 'tenant',
    cs1: record.tenant_id,
    cs2Label: 'request_id',
    cs2: record.request_id,
    cs3Label: 'hash',
    cs3: record.hash,
    suser: principal,
    src: address,
    act: action,
    outcome,
    msg: JSON.stringify(record.record),
  };
  return Object.entries(fields)
    .flatMap(([key, value]) => (isShown(value) ? `${key}=${cefValue(String(value))}` : []))
    .join(' ');
}

function isShown(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

function cefValue(text: string): string {
  return text.replace(/[\\=]/g, '\\$&').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

/** 32473 is the enterprise number that RFC 5612 keeps for documentation: Conclave has none of its own. */
const structure = 'conclave@32473';
/** Of RFC 5424: `log audit`. */
const facility = 13;
const warning = 4;
const notice = 5;

/** RFC 5424, a message a line. */
function syslogLine(record: AuditRecord, { host }: AuditSource): string {
  const priority = facility * 8 + (alarming.has(record.kind) ? warning : notice);
  const { sequence, tenant_id: tenant, request_id: request, position, hash } = record;
  const data = Object.entries({ sequence, tenant, request, position, hash })
    .flatMap(([name, value]) => (value === null ? [] : `${name}="${syslogValue(String(value))}"`))
    .join(' ');
  const header = `<${priority}>1 ${record.at} ${syslogName(host, 255)} conclave - ${syslogName(record.kind, 32)}`;
  return `${header} [${structure} ${data}] \uFEFF${JSON.stringify(record.record)}`;
}

/** Visible ASCII, or nothing. */
function syslogName(text: string, max: number): string {
  return text.replace(/[^\x21-\x7e]/g, '').slice(0, max) || '-';
}

function syslogValue(text: string): string {
  return text.replace(/["\\\]]/g, '\\$&');
}
