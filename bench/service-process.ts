import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Longer than any migration of an empty database. */
const START_WITHIN_MS = 180_000;

/** The built service, or another script that says where it listens, in a process of its own, on a port that the system gives. */
export class ServiceProcess {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
  ) {}

  /**
   * @param environment the settings; nothing of this process's own, nor of a file `.env`, joins them
   * @param script built, from the folder of what is built
   */
  static async start(
    environment: Readonly<Record<string, string>>,
    script = 'src/main.js',
  ): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [join(import.meta.dirname, '..', script)], {
      cwd: import.meta.dirname,
      env: { ...environment, HOST: '127.0.0.1', PORT: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let told = '';
    const url = await new Promise<string>((resolve, reject) => {
      const refuse = (): void => {
        child.kill('SIGKILL');
        reject(new Error(`The service did not start:\n${told}`));
      };
      const timer = setTimeout(refuse, START_WITHIN_MS);
      child.once('exit', refuse);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        told += text;
        const [, found] = /listens on (\S+?);/.exec(told) ?? [];
        if (found === undefined) return;
        clearTimeout(timer);
        child.removeListener('exit', refuse);
        resolve(found);
      });
    });
    return new ServiceProcess(child, url);
  }

  /** Lets it finish what it is doing. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await exited;
  }
}
