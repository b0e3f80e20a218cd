import { parser } from '@prometheus-io/lezer-promql';

/** What an expression asks for. */
export interface Asked {
  /** Where the grammar does not follow; empty when the expression is one. */
  readonly mistakes: readonly string[];
  readonly metrics: readonly { readonly name: string; readonly matchers: readonly Matcher[] }[];
  /** Labels by which it is grouped or joined. */
  readonly grouping: readonly string[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Reads an expression with Prometheus' own grammar; variables of Grafana are given a value before. */
export function readPromQL(expression: string): Asked {
  const text = expression.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*');
  const mistakes: string[] = [];
  const metrics: { name: string; matchers: Matcher[] }[] = [];
  const grouping: string[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to, node }) => {
      const said = text.slice(from, to);
      if (type.isError) mistakes.push(`at ${from} of ${text}`);
      if (type.name === 'VectorSelector') metrics.push({ name: '', matchers: [] });
      const selector = metrics.at(-1);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector' && selector)
        selector.name = said;
      if (type.name === 'UnquotedLabelMatcher') {
        const [, label = '', operator = '', value = ''] = /^(\w+)\s*([=!~]+)\s*"(.*)"$/.exec(said) ?? [];
        selector?.matchers.push({ label, operator, value });
      }
      if (type.name === 'GroupingLabels') grouping.push(...said.replaceAll(/[()\s]/g, '').split(','));
    },
  });
  return { mistakes, metrics, grouping };
}
