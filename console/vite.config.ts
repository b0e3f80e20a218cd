import react from '@vitejs/plugin-react';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Below this many bytes compressing saves less than it costs. */
const WORTH_COMPRESSING = 1_024;

/** Puts a `.br` and a `.gz` beside each file, so that the service compresses nothing while it serves. */
function preCompressed(): Plugin {
  let folder = '';
  return {
    name: 'pre-compressed',
    apply: 'build',
    configResolved: ({ root, build }) => {
      folder = join(root, build.outDir);
      if (build.outDir.startsWith('/')) folder = build.outDir;
    },
    closeBundle: () => {
      for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        const file = join(folder, entry);
        if (!/\.(js|css|html|svg)$/.test(file) || statSync(file).size < WORTH_COMPRESSING) continue;
        const bytes = readFileSync(file);
        const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/**
 * The texts of react-aria in 30 languages weigh as much as the rest of it; the console speaks English. A language is left out
 * as `undefined`: react-aria takes anything else, an empty object too, for the texts of it and throws where one is missing.
 */
function englishOnly(): Plugin {
  return {
    name: 'english-only',
    load: (id) =>
      /react-(aria|stately)(-components)?\/.*intl\/.*[a-z]{2}-[A-Z]{2}\.m?js$/.test(id) &&
      !id.includes('en-US')
        ? 'export default undefined;'
        : null,
  };
}

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  plugins: [react(), englishOnly(), preCompressed()],
  // Its source, so that the page can be built before the package is.
  resolve: {
    alias: { 'triptych-client': fileURLToPath(new URL('../packages/client/src/index.ts', import.meta.url)) },
  },
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page allows no data: URL and no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/v1': 'http://127.0.0.1:3000', '/console/config.json': 'http://127.0.0.1:3000' },
  },
});
