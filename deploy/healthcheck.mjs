// node deploy/healthcheck.mjs <port> [path]: exit code 0 when the service in this container answers with status 200.

const [port, path = '/api/v1/health/live'] = process.argv.slice(2);
const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(8000) }).catch(
  () => null,
);
process.exit(response?.status === 200 ? 0 : 1);
