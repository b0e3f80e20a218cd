import { readFileSync } from 'node:fs';

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

/** The packages that are ESM; those that also have a CommonJS build lose nothing by it. */
const esmPackages = Object.keys(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages).filter(
  (folder) => folder.startsWith('node_modules/') && typeOf(folder) === 'module',
);

function typeOf(folder) {
  try {
    return JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')).type;
  } catch {
    return undefined; // optional, and for another platform
  }
}

export default {
  roots: ['<rootDir>/src', '<rootDir>/console/src', '<rootDir>/test'],
  testEnvironment: 'node',
  testMatch: ['**/*.spec.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': ['$1', '$1.js'],
    // The client as it stands in its sources, so that no test needs it to be built.
    '^triptych-client$': '<rootDir>/packages/client/src/index.ts',
    '^triptych-client/(.*)$': '<rootDir>/packages/client/src/$1.ts',
  },
  transform: {
    '^.+\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '^.+\\.[mc]?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [
    `/node_modules/(?!(${esmPackages.map((folder) => folder.slice('node_modules/'.length)).join('|')})/)`,
  ],
  setupFiles: ['reflect-metadata'],
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  reporters: ['default', '<rootDir>/test/support/closing-line.mjs'],
  // So long that only what hangs takes it: no test is about how fast this machine is today.
  testTimeout: 300_000,
  maxWorkers: 2,
  // Modules of former files stay in a worker's memory, 5 GB at the end of a whole run, and collecting those costs more than a new worker.
  workerIdleMemoryLimit: '1GB',
};
