import { ServiceProcess } from '../support/service-process.js';
import { launchChromium } from './support/chromium.js';
import { ConsolePage } from './support/console-page.js';

/**
 * Measures the console of the built service: `npm run measure:console`. Prints the bytes of the first load as they come over
 * the wire, the time until somebody can sign in and until a view can be worked with (median of five, each in a new
 * browser profile), and what scrolling through memories costs.
 */
const TIMES = 5;
const MEMORIES = Number(process.argv[2] ?? 10_000);

const median = (values: number[]): number =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
/** Milliseconds since the navigation began at which an element was first there. */
const whenThere = (selector: string): string => `new Promise((resolve) => {
  const look = () => document.querySelector(${JSON.stringify(selector)}) ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})`;

const service = await ServiceProcess.start({ DATA_DIR: 'memory://' });
const browser = await launchChromium();
try {
  const [toSignIn, toView]: [number[], number[]] = [[], []];
  let bytes = 0;
  for (let time = 0; time < TIMES; time += 1) {
    const tab = await ConsolePage.open(browser, service.url);
    await tab.go();
    toSignIn.push(await tab.page.evaluate<number>(whenThere('input')));
    const sizes = `performance.getEntries().reduce((sum, entry) => sum + (entry.transferSize ?? 0), 0)`;
    bytes = await tab.page.evaluate<number>(sizes);
    await tab.signIn('acme');
    await tab.close();
    const again = await ConsolePage.open(browser, service.url);
    const credential = JSON.stringify({ kind: 'tenant', tenantId: 'acme' });
    await again.page.addInitScript(
      `sessionStorage.setItem('triptych.credential', ${JSON.stringify(credential)})`,
    );
    await again.go('/sessions');
    toView.push(await again.page.evaluate<number>(whenThere('.empty-title')));
    await again.close();
  }
  console.log(`first load, on the wire: ${Math.round(bytes / 1_000)} kB`);
  console.log(
    `to the sign-in: ${Math.round(median(toSignIn))} ms; to the sessions: ${Math.round(median(toView))} ms`,
  );

  for (let stored = 0; stored < MEMORIES; stored += 1_000) {
    const memories = Array.from({ length: 1_000 }, (_, i) => ({
      agentId: 'guide',
      content: `Memory number ${stored + i + 1}`,
    }));
    const { status } = await service.send('many', 'POST', '/v1/memories/batch', { memories });
    if (status !== 201) throw new Error(`The memories were not stored: ${status}`);
  }
  const tab = await ConsolePage.open(browser, service.url);
  let requests = 0;
  tab.page.on('request', (request) => (requests += request.url().includes('/v1/memories') ? 1 : 0));
  await tab.signIn('many', '/memories');
  const list = tab.page.getByRole('grid', { name: 'Memories, newest first' });
  await list.getByRole('row').first().waitFor();
  const report = async (when: string): Promise<void> => {
    const rows = await list.getByRole('row').count();
    const elements = await tab.page.evaluate<number>(`document.querySelectorAll('*').length`);
    const heap = await tab.page.evaluate<number>(`performance.memory.usedJSHeapSize`);
    console.log(
      `${when}: ${requests} requests, ${rows} rows, ${elements} elements, heap ${Math.round(heap / 1e6)} MB`,
    );
  };
  await report('opened');
  // Pages come by themselves near the end, so that what is loaded is counted, and neither the requests nor the scrolling.
  const loaded = async (): Promise<number> => Number(await list.getAttribute('aria-rowcount'));
  for (const many of [MEMORIES / 10, MEMORIES / 2, MEMORIES]) {
    while ((await loaded()) < many) {
      await tab.scrollToEnd(list);
      await tab.page.waitForTimeout(30);
    }
    await report(many === MEMORIES ? `at the end of ${many}` : `after ${many}`);
  }
} finally {
  await browser.close();
  await service.stop();
}
