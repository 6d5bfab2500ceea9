import Table from 'cli-table3';
import { type CheckReport, defaultSamples, runBattery } from '../detectors/conformance/battery';
import { ServerUnderTest } from '../detectors/conformance/server-under-test';
import { colors } from './colors';

export interface ConformanceOptions {
  readonly detectorId: string;
  readonly sample: readonly string[];
  /** Name of the environment variable that holds a bearer token. */
  readonly bearerEnv?: string;
  readonly timeout: number;
  readonly format: 'table' | 'json';
}

const unreachable = 2;

/** Runs the battery against a server of the Detectors API and prints the report. @returns the exit code */
export async function printConformance(url: string, options: ConformanceOptions): Promise<number> {
  const server = new ServerUnderTest({
    url,
    detectorId: options.detectorId,
    headers: bearer(options.bearerEnv),
    timeoutMs: options.timeout,
  });
  try {
    await server.ask({ method: 'GET', path: '/health' });
  } catch (error) {
    console.error(`there is no answer from ${url}: ${error instanceof Error ? error.message : 'unknown'}`);
    await server.close();
    return unreachable;
  }
  const reports = await runBattery(server, options.sample.length > 0 ? options.sample : defaultSamples);
  await server.close();
  const conforms = reports.every(({ verdict }) => verdict !== 'fail');
  if (options.format === 'json') {
    console.log(JSON.stringify({ url, detector_id: options.detectorId, conforms, checks: reports }, null, 2));
  } else {
    printTable(reports);
    console.log(summary(reports));
    if (knowsNoDetector(reports))
      console.log(
        `nothing could be tried: is ${url} a server of the Detectors API, and ${options.detectorId} one of its detectors?`,
      );
  }
  return conforms ? 0 : 1;
}

function bearer(variable: string | undefined): Record<string, string> {
  if (variable === undefined) return {};
  const token = process.env[variable];
  if (token === undefined || token === '') throw new Error(`the environment variable ${variable} is not set`);
  return { authorization: `Bearer ${token}` };
}

const marks = { pass: colors.green('pass'), warn: colors.yellow('warn'), fail: colors.red('fail') };

function printTable(reports: readonly CheckReport[]): void {
  const table = new Table({
    head: ['check', '', 'expected', 'found'],
    style: { head: [], border: [], compact: true },
    colWidths: [26, 6, 48, 44],
    wordWrap: true,
  });
  for (const { id, verdict, title, detail } of reports) table.push([id, marks[verdict], title, detail]);
  console.log(table.toString());
}

/** The first call that asks for a judgement has met with 404, as all others must. */
function knowsNoDetector(reports: readonly CheckReport[]): boolean {
  return reports.some(({ id, detail }) => id === 'one-content' && detail === 'answered 404');
}

function summary(reports: readonly CheckReport[]): string {
  const count = (verdict: CheckReport['verdict']) =>
    reports.filter((report) => report.verdict === verdict).length;
  return `${count('pass')} passed, ${count('warn')} warnings, ${count('fail')} failed`;
}
