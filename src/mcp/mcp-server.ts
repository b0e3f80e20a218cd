import { McpServer, type CallToolResult, type StandardSchemaWithJSON } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import packageJson from '../../package.json' with { type: 'json' };
import { CONTEXT_TOOLS } from './context-tools.js';
import { failedCall } from './mcp-errors.js';
import { MEMORY_TOOLS } from './memory-tools.js';
import { registerSessions } from './session-resources.js';
import { SESSION_TOOLS } from './session-tools.js';
import type { McpCaller, McpServices, McpTool } from './tool.js';

const INSTRUCTIONS =
  'Triptych keeps what was said (sessions), what is known (memories) and makes what a model sees (compiled contexts). ' +
  'Call recall before answering what may depend on earlier conversations; call remember for what will matter later. ' +
  'A result with isError says what is wrong, what to do, and a stable code.';

/** Their input and output schemas, converted once, in the order in which they are listed. */
const TOOLS = [...MEMORY_TOOLS, ...SESSION_TOOLS, ...CONTEXT_TOOLS].map((tool) => ({
  tool,
  inputSchema: described(tool.input),
  outputSchema: described(tool.output),
}));

/** A server for one caller: over HTTP for one request, over stdio for one connection. It keeps nothing. */
export function createMcpServer(services: McpServices, caller: McpCaller): McpServer {
  const server = new McpServer(
    { name: 'triptych', title: 'Triptych', version: packageJson.version },
    {
      instructions: INSTRUCTIONS,
      // What there is does not change while a client is connected.
      capabilities: { tools: { listChanged: false }, resources: { listChanged: false, subscribe: false } },
    },
  );
  for (const { tool, inputSchema, outputSchema } of TOOLS) {
    const { name, title, description, annotations } = tool;
    server.registerTool(
      name,
      { title, description, annotations: { title, ...annotations }, inputSchema, outputSchema },
      (args) => called(tool, args, services, caller),
    );
  }
  registerSessions(server, services, caller);
  return server;
}

/** The SDK tells a client the message of whatever is thrown, so nothing is thrown from here. */
async function called(
  tool: McpTool,
  args: unknown,
  services: McpServices,
  caller: McpCaller,
): Promise<CallToolResult> {
  try {
    return answerOf(await caller.run(tool.scope, () => tool.run(args, services)));
  } catch (error) {
    return failedCall(error, caller.requestId);
  }
}

/** The same twice, as the protocol asks: for programs, and as text for clients that know of nothing else. */
function answerOf(result: object): CallToolResult {
  const text = JSON.stringify(result);
  const structuredContent = JSON.parse(text) as Record<string, unknown>;
  return { content: [{ type: 'text', text }], structuredContent };
}

/**
 * What the SDK is given of a schema: its description, once converted. It checks nothing, since the SDK would answer in
 * its own words, without our codes, and hand a copy to the tool; {@link McpTool.run} checks instead.
 */
function described(schema: z.ZodObject): StandardSchemaWithJSON<unknown, unknown> {
  const { jsonSchema } = schema['~standard'];
  const known = new Map<string, Record<string, unknown>>();
  const once =
    (io: 'input' | 'output'): (typeof jsonSchema)['input'] =>
    (options) => {
      const key = `${io} ${options.target}`;
      const converted = known.get(key) ?? jsonSchema[io](options);
      known.set(key, converted);
      return converted;
    };
  return {
    '~standard': {
      version: 1,
      vendor: 'triptych',
      validate: (value) => ({ value }),
      jsonSchema: { input: once('input'), output: once('output') },
    },
  };
}
