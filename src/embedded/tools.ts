import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Progress, SetupError } from './setup-error';
import { buildWithGo, downloadRelease, type Tool, type ToolName } from './tool-sources';

const tools: Readonly<Record<ToolName, Tool>> = {
  temporal: {
    name: 'temporal',
    binVariable: 'CONCLAVE_TEMPORAL_BIN',
    version: '1.5.1',
    goModule: 'github.com/temporalio/cli/cmd/temporal',
    versionCommand: ['--version'],
    // A build by `go install` calls itself 0.0.0-DEV; the server inside is what matters.
    versionPattern: /Server (\d+\.\d+\.\d+)/,
    minimum: '1.29.0',
    pinned: '1.29.1',
  },
  opa: {
    name: 'opa',
    binVariable: 'CONCLAVE_OPA_BIN',
    version: '1.22.0',
    goModule: 'github.com/open-policy-agent/opa',
    versionCommand: ['version'],
    versionPattern: /Version: (\d+\.\d+\.\d+)/,
    minimum: '1.0.0',
    pinned: '1.22.0',
  },
  'temporal-server': {
    name: 'temporal-server',
    binVariable: 'CONCLAVE_TEMPORAL_SERVER_BIN',
    version: '1.29.1',
    goModule: 'go.temporal.io/server/cmd/server',
    versionCommand: ['--version'],
    versionPattern: /version (\d+\.\d+\.\d+)/,
    minimum: '1.29.0',
    pinned: '1.29.1',
  },
  'temporal-sql-tool': {
    name: 'temporal-sql-tool',
    binVariable: 'CONCLAVE_TEMPORAL_SQL_TOOL_BIN',
    version: '1.29.1',
    goModule: 'go.temporal.io/server/cmd/tools/sql',
    versionCommand: ['--version'],
    versionPattern: /version (\d+\.\d+\.\d+)/,
    minimum: '1.29.0',
    pinned: '1.29.1',
  },
};

const run = promisify(execFile);

/**
 * Path of a tool: the environment variable's, the PATH's, the project's `.tools/bin` from an earlier run, or a fresh one
 * put there from the official release or, failing that, built by `go install`.
 * @throws SetupError with the remedy when none of these works
 */
export async function resolveTool(
  name: ToolName,
  log: Progress,
  binDir = path.resolve(__dirname, '..', '..', '.tools', 'bin'),
): Promise<string> {
  const tool = tools[name];
  const named = process.env[tool.binVariable];
  if (named !== undefined && named !== '') return namedByVariable(tool, named);
  const onPath = await findOnPath(tool, log);
  if (onPath !== null) return onPath;
  const own = path.join(binDir, name);
  if ((await versionOf(tool, own)) === tool.pinned) return own;

  log(`${name} ${tool.version} is not on this machine; it is fetched once and kept in ${binDir}`);
  const failures: string[] = [];
  for (const install of [downloadRelease, buildWithGo]) {
    const failure = await install(tool, own, log);
    if (failure === null && (await versionOf(tool, own)) === tool.pinned) return own;
    failures.push(failure ?? 'what was installed does not run');
  }
  throw new SetupError(
    `${name} ${tool.version} could not be installed (${failures.join('; ')}).`,
    `install Go 1.24 or later, or put ${name} on the PATH, or name it with ${tool.binVariable}=/path/to/${name}`,
  );
}

async function namedByVariable(tool: Tool, file: string): Promise<string> {
  if ((await versionOf(tool, file)) !== null) return file;
  throw new SetupError(
    `${tool.binVariable} names ${file}, which is not a working ${tool.name}.`,
    `correct ${tool.binVariable} or unset it`,
  );
}

async function findOnPath(tool: Tool, log: Progress): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(folder, tool.name);
    const version = folder === '' || !isExecutable(file) ? null : await versionOf(tool, file);
    if (version === null) continue;
    if (!isOlder(version, tool.minimum)) return file;
    log(`${file} is version ${version}, older than the ${tool.minimum} that is needed: not used`);
  }
  return null;
}

async function versionOf(tool: Tool, file: string): Promise<string | null> {
  try {
    const { stdout } = await run(file, [...tool.versionCommand], { timeout: 20_000 });
    return tool.versionPattern.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOlder(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) < 0;
}
