import { InvalidEmbeddingError } from '../errors.js';

/** Well above 128 vectors of 8,192 dimensions written out as text; a provider that sends more has gone wrong. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * The `fetch` handed to the OpenAI client. It sends exactly these headers, because the client takes more from
 * `OPENAI_CUSTOM_HEADERS` and no option of its own forbids that; it returns a redirect as the answer it is,
 * so that key and texts go to no other host; and it reads no answer beyond 64 MiB, decompressed.
 */
export function openaiTransport(apiKey: string): typeof fetch {
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
  };
  return async (url, init) => bounded(await fetch(url, { ...init, headers, redirect: 'manual' }));
}

function bounded(response: Response): Response {
  if (!response.body) return response;
  let bytes = 0;
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > MAX_ANSWER_BYTES) {
        throw new InvalidEmbeddingError(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      }
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(meter), {
    status: response.status,
    headers: response.headers,
  });
}
