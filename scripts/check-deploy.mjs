import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { interpolate, readCompose, withoutResets } from './lib/compose-file.mjs';

// node scripts/check-deploy.mjs: judges Dockerfile and compose files without a container engine.

const root = path.resolve(import.meta.dirname, '..');
const inRoot = (...parts) => path.join(root, ...parts);
const require = createRequire(import.meta.url);
const base = 'docker-compose.yml';
const stacks = { development: [base], production: [base, 'docker-compose.prod.yml'] };
const parts = ['api', 'worker', 'mapper', 'detectors'];
const exampleSecret = 'ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZSE=';

const problems = [
  ...[...new Set(Object.values(stacks).flat())].flatMap(schemaProblems),
  ...Object.entries(stacks).flatMap(([name, files]) =>
    stackProblems(name, readCompose(files.map((f) => inRoot(f)))),
  ),
  ...dockerfileProblems(inRoot('Dockerfile')),
];
for (const problem of problems) console.error(`deploy: ${problem}`);
console.error(
  `deploy: ${Object.keys(stacks).length} stacks and the Dockerfile checked, ${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

function schemaProblems(file) {
  const schema = JSON.parse(readFileSync(inRoot('deploy', 'schema', 'compose-spec.json'), 'utf8'));
  const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  if (validate(withoutResets(readCompose([inRoot(file)])))) return [];
  return validate.errors.map((error) => `${file}${error.instancePath}: ${error.message}`);
}

function stackProblems(stack, compose) {
  return Object.entries(compose.services).flatMap(([name, service]) => {
    const checks = [hardening, resources, references, mountedFiles, dependencies];
    const ourChecks = isOurs(service) ? [command, addresses, settings] : [];
    return [...checks, ...ourChecks]
      .flatMap((check) => check(service, compose))
      .map((problem) => `${stack}: ${name}: ${problem}`);
  });
}

function hardening({ security_opt: options, cap_drop: dropped, ports, privileged, image }) {
  return [
    ...(options?.includes('no-new-privileges:true') ? [] : ['lacks no-new-privileges']),
    ...(dropped?.includes('ALL') ? [] : ['keeps capabilities']),
    ...(privileged ? ['is privileged'] : []),
    ...(/:[^/]+$/.test(image) && !image.endsWith(':latest') ? [] : [`image ${image} names no version`]),
    ...(ports ?? [])
      .filter((port) => !String(port).startsWith('127.0.0.1:'))
      .map((port) => `port ${port} is open beyond loopback`),
  ];
}

function resources({ deploy }) {
  const { cpus, memory } = deploy?.resources?.limits ?? {};
  return cpus && memory ? [] : ['has no limits of cpu and memory'];
}

function references({ networks, volumes, network_mode: mode, ports }, compose) {
  const shut = mode === 'host' && (networks || ports) ? ['uses the host network, and others besides'] : [];
  const unknownNetworks = (networks ?? []).filter((name) => !(name in compose.networks));
  const named = (volumes ?? [])
    .map((volume) => volume.split(':')[0])
    .filter((source) => !/^[./]/.test(source));
  const unknownVolumes = named.filter((name) => !(name in compose.volumes));
  const unknown = [...unknownNetworks, ...unknownVolumes].map((name) => `${name} is declared nowhere`);
  return [...shut, ...unknown];
}

function mountedFiles({ volumes }) {
  const sources = (volumes ?? [])
    .map((volume) => volume.split(':')[0])
    .filter((source) => source.startsWith('.'));
  return sources
    .filter((source) => !existsSync(inRoot(source)))
    .map((source) => `mounts ${source}, which is missing`);
}

function dependencies({ depends_on: wanted }, compose) {
  return Object.entries(wanted ?? {}).flatMap(([name, { condition }]) => {
    const service = compose.services[name];
    if (service === undefined) return [`depends on ${name}, which does not exist`];
    const healthy = service.healthcheck?.test !== undefined;
    return condition === 'service_healthy' && !healthy
      ? [`waits for ${name}, which has no health check`]
      : [];
  });
}

function isOurs({ image }) {
  return image.startsWith('conclave:');
}

function command(service) {
  const [program, file, verb, part] = (service.command ?? []).filter((word) => !word.startsWith('--'));
  const known = verb === 'setup' || (verb === 'start' && parts.includes(part));
  const found =
    program === 'node' && existsSync(inRoot(file.replace(/^dist/, 'src').replace(/\.js$/, '.ts')));
  const script = service.healthcheck?.test?.[2];
  return [
    ...(known && found ? [] : [`command ${service.command?.join(' ')} does not exist`]),
    ...(script === undefined || existsSync(inRoot(script)) ? [] : [`health check ${script} is missing`]),
    ...(service.read_only ? [] : ['its root is writable']),
  ];
}

/** Every server that a part is sent to must be where it is sent. */
function addresses({ environment, networks, network_mode: mode }, compose) {
  return Object.entries(environment).flatMap(([key, value]) => {
    const { host, port } = addressIn(interpolate(value, exampleSecret));
    if (host === undefined) return [];
    const published = `127.0.0.1:${port}:`;
    const found =
      mode === 'host'
        ? host === '127.0.0.1' &&
          Object.values(compose.services).some(({ ports }) => ports?.some((p) => p.startsWith(published)))
        : compose.services[host]?.networks?.some((network) => networks.includes(network));
    return found ? [] : [`${key} leads to ${host}:${port}, where it finds nothing`];
  });
}

function addressIn(text) {
  if (text.includes('://')) {
    const { hostname, port } = new URL(text);
    return { host: hostname, port };
  }
  return /^(?<host>[a-z][\w.-]*|127\.0\.0\.1):(?<port>\d+)$/.exec(text)?.groups ?? {};
}

/** The application itself judges the variables it would be given, and whether it starts with them. */
function settings(service) {
  const { loadSettings } = require(inRoot('dist', 'config', 'load-settings.js'));
  const environment = Object.fromEntries(
    Object.entries(service.environment).map(([key, value]) => [key, interpolate(value, exampleSecret)]),
  );
  try {
    const loaded = loadSettings({
      ...environment,
      ORCHESTRATION_CONFIG_PATH: inRoot('config', 'settings.yaml'),
    });
    return service.command.includes('start') ? refusalsOf(loaded.settings, environment) : [];
  } catch (error) {
    return [error.message];
  }
}

function refusalsOf(loaded, environment) {
  const { refuseUnsafeStart } = require(inRoot('dist', 'cli', 'refuse-unsafe-start.js'));
  try {
    // The image sets NODE_ENV, which a service may change.
    refuseUnsafeStart(loaded, { NODE_ENV: 'production', ...environment });
    return [];
  } catch (error) {
    return [error.message];
  }
}

function dockerfileProblems(file) {
  const text = readFileSync(file, 'utf8');
  const lint = lintDockerfile(text).map(({ range, message }) => `line ${range.start.line + 1}: ${message}`);
  const lastStage = text.slice(text.lastIndexOf('\nFROM '));
  const user = /^USER (\S+)$/m.exec(lastStage)?.[1];
  const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources.split(' '),
  );
  return [
    ...lint,
    ...(/^[1-9]\d*(:\d+)?$/.test(user ?? '')
      ? []
      : ['the last stage runs as root or as a user without a number']),
    ...(/^HEALTHCHECK /m.test(lastStage) ? [] : ['there is no HEALTHCHECK']),
    ...[...text.matchAll(/^FROM (\S+)/gm)]
      .filter(([, image]) => !image.includes(':'))
      .map(([, image]) => `${image} names no version`),
    ...copied
      .filter((source) => !existsSync(inRoot(source)))
      .map((source) => `copies ${source}, which is missing`),
    ...copied
      .filter((source) => existsSync(inRoot(source)) && !isInContext(source))
      .map((source) => `copies ${source}, which .dockerignore leaves out`),
  ].map((problem) => `Dockerfile: ${problem}`);
}

/** Our .dockerignore leaves out everything but the lines with an exclamation mark. */
function isInContext(source) {
  const lines = readFileSync(inRoot('.dockerignore'), 'utf8').split('\n');
  const kept = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  return kept.includes(source) || kept.includes(`${path.dirname(source)}/*${path.extname(source)}`);
}
