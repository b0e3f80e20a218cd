import { appendMessages, type AppendMessagesRequest } from 'triptych-client';
import type { Api } from '../api/api.js';
import type { AppendRequest } from './import-run.js';

/** Appends one batch; only where there is no thread yet by `If-Match: "0"`, which a repetition under the same key is let through. */
export async function append(
  api: Api,
  { threadId, messages, idempotencyKey, onlyNew, signal }: AppendRequest,
): Promise<void> {
  await api.run((client) =>
    appendMessages({
      client,
      path: { threadId },
      // Checked by `checkMessages` against the same rules.
      body: { messages } as AppendMessagesRequest,
      headers: { 'Idempotency-Key': idempotencyKey, ...(onlyNew && { 'If-Match': '"0"' }) },
      signal,
    }),
  );
}

/** Waits; rejects with the reason of the signal when it is aborted. */
export function wait(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1_000);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
}
