// Samples of the API as lines of a chart. Pure functions.

import type { Details, Sample, Stats } from './types';

/** Seconds, then one list of values for each line; null where nothing was sampled. */
export type Lines = [number[], ...(number | null)[][]];

export function details(stats: Stats | undefined, name: string): Details | undefined {
  const found = stats?.[`${name}_details`];
  return typeof found === 'object' ? found : undefined;
}

export function rateOf(stats: Stats | undefined, name: string): number | undefined {
  return details(stats, name)?.rate;
}

export function totalOf(stats: Stats | undefined, name: string): number | undefined {
  const found = stats?.[name];
  return typeof found === 'number' ? found : undefined;
}

/** Oldest first; the API has the newest first. */
function ordered(samples: Sample[] | undefined): Sample[] {
  return [...(samples ?? [])].sort((one, other) => one.timestamp - other.timestamp);
}

/** Levels: [time in s, value]. */
export function levels(found: Details | undefined): [number, number][] {
  return ordered(found?.samples).map(({ sample, timestamp }) => [timestamp / 1000, sample]);
}

/** What was counted per second between two samples; a counter that went back (a restart) counts from nothing. */
export function perSecond(found: Details | undefined): [number, number][] {
  const samples = ordered(found?.samples);
  return samples.slice(1).map((now, index) => {
    const before = samples[index] as Sample;
    const seconds = Math.max(0.001, (now.timestamp - before.timestamp) / 1000);
    const more = now.sample < before.sample ? now.sample : now.sample - before.sample;
    return [now.timestamp / 1000, more / seconds];
  });
}

/** Lines with their points on one axis of time. */
export function together(lines: [number, number][][]): Lines {
  const times = [...new Set(lines.flatMap((line) => line.map(([time]) => time)))].sort((a, b) => a - b);
  const places = new Map(times.map((time, index) => [time, index]));
  return [
    times,
    ...lines.map((line) => {
      const values: (number | null)[] = new Array<number | null>(times.length).fill(null);
      for (const [time, value] of line) values[places.get(time) as number] = value;
      return values;
    }),
  ];
}

/** The query for samples of the last seconds, about a hundred points of them. */
export function spans(seconds: number, ...kinds: ('lengths' | 'msg_rates' | 'data_rates')[]): string {
  const step = Math.max(5, Math.ceil(seconds / 600) * 5);
  return kinds.map((kind) => `${kind}_age=${seconds}&${kind}_incr=${step}`).join('&');
}
