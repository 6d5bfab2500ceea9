import { formatProblem, type PolicyProblem } from '../policy/problem';
import type { BundleReport } from '../policy/validate';
import { colors } from './colors';
import { type JunitCase, type JunitSuite, junitXml } from './junit';

export const reportFormats = ['table', 'json', 'junit'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** Whether a bundle passes; `strict` takes warnings for errors. */
function passes(report: BundleReport, strict: boolean): boolean {
  return report.ok && !(strict && report.warnings.length > 0);
}

/** Prints what was found about bundles. @returns the exit code */
export function printReports(
  reports: readonly BundleReport[],
  format: ReportFormat,
  strict: boolean,
): number {
  if (format === 'json') console.log(JSON.stringify(reports, null, 2));
  else if (format === 'junit') console.log(junitXml(reports.map((report) => suiteOf(report, strict))));
  else for (const report of reports) printReport(report, strict);
  return reports.every((report) => passes(report, strict)) ? 0 : 1;
}

function printReport(report: BundleReport, strict: boolean): void {
  const mark = passes(report, strict) ? colors.green('ok') : colors.red('invalid');
  console.log(`${nameOf(report)}: ${mark}`);
  for (const fault of report.errors) console.log(`  error: ${line(fault)}`);
  for (const name of report.missing_detectors) console.log(`  error: ${unknownDetector(name)}`);
  for (const warning of report.warnings) console.log(`  warning: ${line(warning)}`);
}

/** Tests and fixtures, and how much of the rules they ran through. */
export function printTestSummary({ compilation, coverage, ...report }: BundleReport): void {
  if (!compilation) {
    if (report.errors.length === 0) console.log(`${nameOf(report)}: no Rego, so nothing to test`);
    return;
  }
  const { tests_run: tests, tests_failed: failed } = compilation;
  const { fixtures_run: fixtures, fixtures_failed: wrong } = compilation;
  const parts = [`${tests - failed}/${tests} tests`, `${fixtures - wrong}/${fixtures} fixtures`];
  if (coverage) parts.push(`${coverage.percent} % of the rules covered`);
  console.log(`${nameOf(report)}: ${parts.join(', ')}`);
  for (const { file, not_covered: lines } of coverage?.files ?? []) {
    if (lines.length > 0) console.log(`  not covered: ${file}: ${lines.join(', ')}`);
  }
}

/** A case for what can go wrong each by itself, so that a CI shows what did. */
function suiteOf(report: BundleReport, strict: boolean): JunitSuite {
  const faults = strict ? [...report.errors, ...report.warnings] : report.errors;
  const cases: JunitCase[] = [
    ...faults.map((fault) => ({
      name: line(fault),
      fault: { type: fault.code, message: line(fault), file: fault.file },
    })),
    ...report.missing_detectors.map((name) => ({
      name: unknownDetector(name),
      fault: { type: 'unregistered_detector', message: unknownDetector(name) },
    })),
  ];
  return { name: nameOf(report), cases: cases.length > 0 ? cases : [{ name: 'is valid' }] };
}

/** A line of a terminal; what a bundle's author wrote must not move its cursor. */
function line(fault: PolicyProblem): string {
  return formatProblem(fault).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}

function unknownDetector(name: string): string {
  return `${name} is not a registered detector`;
}

function nameOf({ tenant, bundle }: Pick<BundleReport, 'tenant' | 'bundle'>): string {
  return `${tenant}/${bundle}`.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
