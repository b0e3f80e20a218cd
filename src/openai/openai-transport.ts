import { OpenAIFailure } from './openai-failure.js';

/**
 * The `fetch` handed to the OpenAI client. It sends exactly these headers, because the client takes more from
 * `OPENAI_CUSTOM_HEADERS` and no option of its own forbids that; it returns a redirect as the answer it is,
 * so that key and texts go to no other host; and it reads no answer beyond `maxBytes`, decompressed.
 */
export function openaiTransport(apiKey: string, maxBytes: number): typeof fetch {
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
  };
  return async (url, init) => bounded(await fetch(url, { ...init, headers, redirect: 'manual' }), maxBytes);
}

function bounded(response: Response, maxBytes: number): Response {
  if (!response.body) return response;
  let bytes = 0;
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) {
        throw new OpenAIFailure('unusable', `the answer is longer than ${maxBytes} bytes`);
      }
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(meter), {
    status: response.status,
    headers: response.headers,
  });
}
