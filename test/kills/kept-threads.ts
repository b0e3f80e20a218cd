import { check, type FinalRead } from '../sessions/history.js';
import { readWhole } from '../sessions/recorded-client.js';
import type { ServiceProcess } from '../support/service-process.js';
import type { KnownThread } from './known-thread.js';
import { mustAsk } from './request.js';
import type { Shared } from './writer.js';

/** All threads that the writers of a tenant share, page by page. */
export async function readShared(service: ServiceProcess, { tenant, threads }: Shared): Promise<FinalRead[]> {
  const reads: FinalRead[] = [];
  for (const thread of threads) reads.push(await readWhole(service, tenant, thread));
  return reads;
}

/**
 * Compares the threads of a tenant with what its clients know, and takes over what was in doubt.
 * @param reads of the threads that its writers share
 * @param own threads of one writer each
 * @returns what is wrong
 */
export async function settleThreads(
  service: ServiceProcess,
  shared: Shared,
  reads: readonly FinalRead[],
  own: readonly KnownThread[],
): Promise<string[]> {
  const wrong = check(shared.history.appends, reads).map((anomaly) => JSON.stringify(anomaly));
  for (const thread of own) wrong.push(...(await thread.settle(service)));
  for (const threadId of [...shared.threads, ...own.map((thread) => thread.threadId)])
    wrong.push(...(await wrongReceipts(service, shared, threadId)));
  return [...wrong, ...(await wrongList(service, shared, reads, own))];
}

/** A thread none of whose appends got through is no session, and neither is one that was cleared. */
async function wrongList(
  service: ServiceProcess,
  { tenant }: Shared,
  reads: readonly FinalRead[],
  own: readonly KnownThread[],
): Promise<string[]> {
  const { body } = await mustAsk(service, tenant, { method: 'GET', path: '/v1/sessions?limit=1000' });
  const { sessions } = body as { sessions: { threadId: string; version: number; messageCount: number }[] };
  const isKnown = new Set([...reads.map(({ thread }) => thread), ...own.map(({ threadId }) => threadId)]);
  const listed = sessions
    .filter(({ threadId }) => isKnown.has(threadId))
    .map(({ threadId, version, messageCount }) => `${threadId} at ${version} with ${messageCount}`);
  const expected = [
    ...reads.map(({ thread, version, messages }) => ({ thread, version, count: messages.length })),
    ...own.map(({ threadId: thread, state }) => ({
      ...{ thread, version: state.version, count: state.contents.length },
    })),
  ]
    .filter(({ count }) => count > 0)
    .map(({ thread, version, count }) => `${thread} at ${version} with ${count}`);
  const isSame = listed.sort().join() === expected.sort().join();
  return isSame ? [] : [`the list of sessions says ${listed.join()}, and they are ${expected.join()}`];
}

/** A receipt is written after the answer, so one may be missing; what is there is that of the answer. */
async function wrongReceipts(
  service: ServiceProcess,
  { tenant, receipts }: Shared,
  threadId: string,
): Promise<string[]> {
  const path = `/v1/context/receipts?threadId=${threadId}&limit=1000`;
  const { body } = await mustAsk(service, tenant, { method: 'GET', path });
  const listed = (body as { receipts: { receiptId: string; hash: string }[] }).receipts;
  const wrong = listed
    .filter(({ receiptId, hash }) => (receipts.get(receiptId) ?? hash) !== hash)
    .map(({ receiptId }) => `the receipt ${receiptId} is that of another prompt`);
  const [newest] = listed;
  if (!newest) return wrong;
  const read = await mustAsk(service, tenant, {
    ...{ method: 'GET', path: `/v1/context/receipts/${newest.receiptId}` },
  });
  const { receipt } = read.body as { receipt?: { hash: string } };
  return receipt?.hash === newest.hash ? wrong : [...wrong, `no receipt ${newest.receiptId}`];
}
