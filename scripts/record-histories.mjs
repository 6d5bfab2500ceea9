import path from 'node:path';
import { bootstrap, fail, log, root, withTools } from './bootstrap.mjs';
import { run } from './lib/run.mjs';
import { startTestServers } from './lib/test-servers.mjs';

// npm run record-histories: runs the cases of test/replay/record.ts on servers of their own and writes their histories
// to test/replay/histories. To be done once for each release; what is recorded is never edited (test/replay/record.ts).

async function record() {
  const tools = await bootstrap();
  const servers = await startTestServers(root, tools.temporal, log);
  try {
    const tsx = path.join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
    process.exitCode = await run(
      process.execPath,
      [tsx, path.join(root, 'test', 'replay', 'record.ts'), ...process.argv.slice(2)],
      {
        cwd: root,
        env: withTools(tools, { ...process.env, ...servers.environment }),
      },
    );
  } finally {
    await servers.stop();
  }
}

await record().catch(fail);
