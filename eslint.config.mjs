import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The arrows of the house (docs/adr/0001-rooms-and-arrows.md): each room may import itself and the rooms named here.
 * app.ts and cli/ stand outside and know all rooms.
 */
const arrows = {
  contract: [],
  domain: ['contract'],
  workflows: ['contract', 'domain', 'activities/types.ts'],
  config: ['contract'],
  embedded: ['contract'],
  security: ['contract', 'domain'],
  telemetry: ['contract'],
  outbound: ['contract'],
  detectors: ['contract', 'domain', 'outbound', 'security'],
  policy: ['contract', 'domain', 'security'],
  registry: ['contract', 'domain'],
  proxy: ['contract', 'domain', 'outbound', 'registry'],
  store: ['contract'],
  planning: ['contract', 'domain', 'policy', 'registry'],
  activities: ['contract', 'domain', 'config', 'detectors', 'policy', 'registry', 'store'],
  submission: ['contract', 'domain', 'config', 'planning', 'store', 'activities', 'workflows'],
  mapper: ['contract', 'security'],
  content: ['contract', 'domain', 'store'],
  api: ['contract', 'content', 'domain', 'proxy', 'registry', 'store', 'submission', 'telemetry'],
};

const zone = (room, allowed) => ({
  target: `./src/${room}`,
  from: './src',
  except: [room, ...allowed].map((name) => `./${name}`),
  message: `src/${room} may import only: ${[room, ...allowed].join(', ')} (eslint.config.mjs, arrows)`,
});

/** Workflow code and the rules it runs must be deterministic: nothing of Node, no clock, no chance. */
const deterministic = {
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        { group: ['node:*', 'fs', 'path', 'crypto', 'os', 'net', 'http'], message: 'not deterministic' },
        {
          regex: '^(?!\\.|@temporalio/(workflow|common)$)',
          message: 'workflow code and domain import nothing but their rooms and the Temporal workflow SDK',
        },
      ],
    },
  ],
};

export default tseslint.config(
  { ignores: ['dist/', 'data/', 'coverage/', '.tools/', 'node_modules/'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      '@typescript-eslint/require-await': 'off',
      'import-x/no-default-export': 'error',
      'import-x/order': ['error', { groups: ['builtin', 'external', 'parent', 'sibling', 'index'] }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 320, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.json'] })] },
    rules: {
      'no-console': 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          basePath: import.meta.dirname,
          zones: Object.entries(arrows).map(([room, allowed]) => zone(room, allowed)),
        },
      ],
    },
  },
  { files: ['src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['src/domain/**/*.ts', 'src/workflows/**/*.ts'], rules: deterministic },
  // Pure transitions by a library (docs/adr/0006-breakers.md); no workflow reaches it.
  { files: ['src/domain/breaker-machine.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['src/contract/{enums,errors,plan}.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['zod'], message: 'workflow code imports this file' }] },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-require-imports': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'max-lines': 'off',
    },
  },
  { files: ['**/*.{js,cjs}'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
