/** The value of one series in Prometheus' text format, its labels in the order of the answer; undefined when there is none. */
export function valueOf(exposition: string, series: string): number | undefined {
  const line = exposition.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}
