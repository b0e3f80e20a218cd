import { fileURLToPath } from 'node:url';
import { build } from 'vite';

// Prints what a browser loads of a page that is the code of the first argument. A process of its own, because Jest
// cannot load Vite's native parts as CommonJS.
const PAGE = '\0page';
const { output } = await build({
  configFile: false,
  logLevel: 'silent',
  plugins: [
    {
      name: 'page',
      resolveId: (id) => (id === 'page' ? PAGE : undefined),
      load: (id) => (id === PAGE ? process.argv[2] : undefined),
    },
  ],
  resolve: {
    alias: [
      {
        find: /^triptych-client$/,
        replacement: fileURLToPath(new URL('../../packages/client/src/index.ts', import.meta.url)),
      },
    ],
  },
  build: {
    write: false,
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: { input: 'page', preserveEntrySignatures: 'strict' },
  },
});
process.stdout.write(output.map(({ code = '' }) => code).join(''));
