import type { ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import type { ContextManager } from '../context/context-manager.js';
import type { ContextSearch } from '../context/context-search.js';
import { InvalidInputError } from '../errors.js';
import type { LongTermMemory } from '../memory/long-term-memory.js';
import type { SessionStore } from '../session/session-store.js';
import type { Scope } from '../tenancy/authenticator.js';

/** What the tools call; each works for the tenant in scope. */
export interface McpServices {
  readonly sessions: SessionStore;
  readonly memory: LongTermMemory;
  readonly search: ContextSearch;
  readonly context: ContextManager;
}

/** Who calls, over HTTP or over stdio. */
export interface McpCaller {
  /**
   * Runs `work` in the scope of the caller's tenant.
   * @throws ForbiddenError when the credential has not the scope; UnauthenticatedError, RateLimitedError and others when
   * the caller is not let in (any more)
   */
  run<T>(scope: Scope, work: () => Promise<T>): Promise<T>;
  /** Under which the log has what went wrong. */
  readonly requestId?: string;
}

/** One tool: what a model reads of it, and what it does. */
export interface McpTool {
  readonly name: string;
  readonly title: string;
  /** For a model: what it does, when to use it, what comes back. */
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly annotations: ToolAnnotations;
  /** What the credential must allow. */
  readonly scope: Scope;
  /** @throws InvalidInputError, and whatever the tier throws */
  run(args: unknown, services: McpServices): Promise<object>;
}

/** Makes a tool whose arguments are checked before it runs. */
export function defineTool<Input extends z.ZodObject>(
  tool: Omit<McpTool, 'input' | 'run'> & {
    readonly input: Input;
    run(args: z.input<Input>, services: McpServices): Promise<object>;
  },
): McpTool {
  return { ...tool, run: async (args, services) => tool.run(checkedArguments(tool.input, args), services) };
}

/**
 * The arguments as they came: what a schema gives back is a copy, in which a user's own values are not what they
 * were. What the schema lets through is checked by the tier once more, as a request over REST is.
 * @throws InvalidInputError that names each field
 */
function checkedArguments<Input extends z.ZodObject>(schema: Input, args: unknown): z.input<Input> {
  const result = schema.safeParse(args, { reportInput: true });
  if (result.success) return args as z.input<Input>;
  throw new InvalidInputError(
    result.error.issues.flatMap((issue) => {
      const field = issue.path.join('.');
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => ({
          field: [...issue.path, key].join('.'),
          message: 'is not an argument of this tool',
        }));
      const isMissing = issue.input === undefined && field !== '';
      return [{ field: field || 'arguments', message: isMissing ? 'is required' : issue.message }];
    }),
  );
}
