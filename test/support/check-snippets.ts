import { join } from 'node:path';
import ts from 'typescript';

/**
 * Compiles pieces of TypeScript, each as a file of its own, as a reader's compiler would: with the settings
 * of this repository, and the sources of `triptych` and `triptych-client`.
 * @param snippets name to code
 * @returns what the compiler says against them, one line each
 */
export function checkSnippets(snippets: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      incremental: false,
      tsBuildInfoFile: undefined,
      declaration: false,
      noEmit: true,
      paths: {
        triptych: ['./src/index.ts'],
        'triptych-client': ['./packages/client/src/index.ts'],
        'triptych-client/langchain': ['./packages/client/src/langchain.ts'],
      },
    },
    process.cwd(),
  );
  const files = new Map(
    Array.from(snippets, ([name, code]) => [join(process.cwd(), 'docs', `${name}.ts`), code]),
  );
  const host = ts.createCompilerHost(options);
  const onDisk = { readFile: host.readFile.bind(host), fileExists: host.fileExists.bind(host) };
  host.readFile = (path) => files.get(path) ?? onDisk.readFile(path);
  host.fileExists = (path) => files.has(path) || onDisk.fileExists(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((path) => {
    const source = program.getSourceFile(path);
    const diagnostics = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ];
    return diagnostics.map(({ messageText, start = 0 }) => {
      const line = source ? source.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${path}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}
