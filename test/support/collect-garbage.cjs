// Loaded into a service that a test measures: SIGUSR2 collects garbage and says so.
process.on('SIGUSR2', () => {
  globalThis.gc();
  globalThis.gc();
  process.stderr.write('garbage collected\n');
});
