import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { policyFile } from '../policy/policy-file';
import { type BundleReport, validateBundle, validatePolicies } from '../policy/validate';
import { printReports, printTestSummary, type ReportFormat } from './policy-report';
import { surroundings } from './policy-tools';

export interface ValidateOptions {
  readonly detectors: string;
  readonly format: ReportFormat;
  readonly strict: boolean;
}

/** `conclave policy validate`. @returns the exit code */
export async function printBundleVerdict(given: string, options: ValidateOptions): Promise<number> {
  const report = await validateBundle(bundleFolderOf(given), await surroundings(options.detectors));
  return printReports([report], options.format, options.strict);
}

/** `conclave policy validate-all`. @returns the exit code */
export async function printVerdicts(dir: string, options: ValidateOptions): Promise<number> {
  const reports = await validatePolicies(dir, await surroundings(options.detectors));
  return printReports(reports, options.format, options.strict);
}

export interface TestOptions extends Omit<ValidateOptions, 'strict'> {
  readonly coverage: boolean;
  readonly threshold?: number;
}

/** `conclave policy test`: of one bundle, or of all in a folder. @returns the exit code */
export async function printTestResults(given: string, options: TestOptions): Promise<number> {
  const measured = options.coverage || options.threshold !== undefined;
  const judging = {
    ...(await surroundings(options.detectors)),
    coverage: measured ? { threshold: options.threshold ?? 0 } : undefined,
  };
  const reports = isBundle(given)
    ? [await validateBundle(bundleFolderOf(given), judging)]
    : await validatePolicies(given, judging);
  const tested = reports.map(asTested);
  if (options.format === 'table') tested.forEach(printTestSummary);
  return printReports(tested, options.format, false);
}

/** What tests say; the rest is said by `validate`. */
function asTested(report: BundleReport): BundleReport {
  const warnings = report.warnings.filter(({ code }) => code === 'no_tests');
  return { ...report, ok: report.errors.length === 0, warnings, missing_detectors: [] };
}

/** @throws Error when it is neither a bundle's folder nor its policy.yaml */
export function bundleFolderOf(given: string): string {
  if (isBundle(given)) return path.basename(given) === policyFile ? path.dirname(given) : given;
  throw new Error(`${given} is no bundle: it has no ${policyFile}`);
}

function isBundle(given: string): boolean {
  if (!existsSync(given)) return false;
  return statSync(given).isDirectory()
    ? existsSync(path.join(given, policyFile))
    : path.basename(given) === policyFile;
}
