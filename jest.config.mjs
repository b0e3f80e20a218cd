/**
 * Jest runs our TypeScript and the ESM-only packages (NestJS 12, PGlite …) as CommonJS, both through
 * swc: no experimental VM flag, the same on Node 20 and 24.
 */
const swc = (parser) => [
  '@swc/jest',
  {
    swcrc: false,
    sourceMaps: 'inline',
    jsc: {
      parser,
      target: 'es2022',
      keepClassNames: true,
      ...(parser.syntax === 'typescript' && {
        transform: { legacyDecorator: true, decoratorMetadata: true },
      }),
    },
    module: { type: 'commonjs', ignoreDynamic: false },
  },
];

const esmOnly = [
  '@nestjs',
  '@electric-sql',
  '@tokenizer',
  '@borewit',
  'file-type',
  'load-esm',
  'token-types',
  'strtok3',
  'uint8array-extras',
  'es-toolkit',
  'uid',
  'p-queue',
  'p-timeout',
  'p-retry',
  'is-network-error',
  'uuid',
  'stemmer',
];

export default {
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testEnvironment: 'node',
  testMatch: ['**/*.spec.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'] },
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '^.+\\.[mc]?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  setupFiles: ['reflect-metadata'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 60_000,
  maxWorkers: 2,
};
