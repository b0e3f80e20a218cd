import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import packageJson from '../../package.json' with { type: 'json' };

/** From 1 ms, since much is answered in less than 5, to the 30 s after which statements are ended. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A registry of its own, so that several applications can live in one process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** What runs, as the labels of a metric that is always 1. */
export function tellBuild(registry: Registry, { engine }: { engine: string }): void {
  new Gauge({
    name: 'triptych_build_info',
    help: 'Always 1; the labels say which version runs, on which Node.js and which engine.',
    labelNames: ['version', 'node', 'engine'],
    registers: [registry],
  }).set({ version: packageJson.version, node: process.versions.node, engine }, 1);
}
