import { type Batch } from './batches.js';
import { UnreadableExport, type ImportMessage } from './conversation.js';
import { type ExportSummary, type WorkerAnswer, type WorkerRequest } from './export-worker.js';
import { type ImportSource } from './import-run.js';

interface Waiting {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
  onProgress?: ((part: number) => void) | undefined;
}

type Question = WorkerRequest extends infer Each
  ? Each extends WorkerRequest
    ? Omit<Each, 'id'>
    : never
  : never;

/** A file in a worker of its own, so that reading 50 MB does not keep the page from answering. */
export class ExportReader implements ImportSource {
  readonly #worker = new Worker(new URL('./export-worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  /** Why nothing can be asked. */
  #fault: Error | undefined;

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<WorkerAnswer>) => {
      const waiting = this.#waiting.get(data.id);
      if ('progress' in data) {
        waiting?.onProgress?.(data.progress);
        return;
      }
      this.#waiting.delete(data.id);
      if ('value' in data) waiting?.resolve(data.value as never);
      else waiting?.reject(new UnreadableExport(data.unreadable));
    });
    this.#worker.addEventListener('error', () => {
      this.#fault = new Error(
        'The part of the page that reads files did not start. Reload the page and try again.',
      );
      for (const { reject } of this.#waiting.values()) reject(this.#fault);
      this.#waiting.clear();
    });
  }

  /** @throws UnreadableExport with what is wrong and where */
  read(file: Blob, onProgress: (part: number) => void): Promise<ExportSummary> {
    return this.#ask<ExportSummary>({ kind: 'read', file }, onProgress);
  }

  digest(index: number): Promise<string> {
    return this.#ask<string>({ kind: 'digest', index });
  }

  batches(index: number): Promise<readonly Batch[]> {
    return this.#ask<readonly Batch[]>({ kind: 'batches', index });
  }

  messages(index: number, batch: Batch): Promise<ImportMessage[]> {
    return this.#ask<ImportMessage[]>({ kind: 'messages', index, batch });
  }

  /** Frees what the file takes; nothing can be asked afterwards. */
  close(): void {
    this.#worker.terminate();
  }

  #ask<T>(question: Question, onProgress?: (part: number) => void): Promise<T> {
    if (this.#fault) return Promise.reject(this.#fault);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ ...question, id });
    });
  }
}
