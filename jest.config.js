/** Packages that ship only ES modules and so must be transformed for jest. */
const esmOnly = ['@secretlint', 'jose', 'oauth4webapi', 'tinyld'];

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.(m?js|ts)$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/data/', '<rootDir>/.tools/'],
};

const suite = (displayName, extra = {}) => ({
  ...shared,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  ...extra,
});

const live = { setupFilesAfterEnv: ['<rootDir>/test/support/retry-once.ts'] };
/** Integration suites that take minutes each: processes killed at every step, rotations of all keys, whole tenants. */
const long = [
  'bulk/control',
  'callbacks/killed',
  'notices/notices',
  'policy-store/simulate',
  'privacy/key-rotation',
  'privacy/tenant-key-rotation',
  'recovery/facade-killed',
  'recovery/worker-killed',
  'tenants/erasure',
  'tenants/onboarding-export',
  'tenants/own-namespace',
].map((name) => `<rootDir>/test/integration/${name}.test.ts`);

module.exports = {
  projects: [
    suite('unit'),
    suite('integration', { ...live, testPathIgnorePatterns: long }),
    suite('long', { ...live, testMatch: long }),
    suite('replay'),
    suite('chaos'),
  ],
  // What sets up and wires is proven by starting it: test/integration/{start,spread,cli}.
  collectCoverageFrom: ['src/**/*.ts', '!src/cli/**', '!src/embedded/**', '!src/app.ts', '!src/compose-*.ts'],
  coverageThreshold: { global: { lines: 80 } },
  testTimeout: 90_000,
  maxWorkers: 2,
};
