// The way of a message as an indented list. Pure functions.

import type { Hop } from './types';

/** Each hop, below the one that led to it; a circle is walked once. */
export function steps(hops: Hop[]): { hop: Hop; depth: number }[] {
  const from = new Map<string, Hop[]>();
  for (const hop of hops) from.set(hop.from.name, [...(from.get(hop.from.name) ?? []), hop]);
  const found: { hop: Hop; depth: number }[] = [];
  const seen = new Set<string>();
  const walk = (name: string, depth: number) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const hop of from.get(name) ?? []) {
      found.push({ hop, depth });
      if (hop.to.type === 'exchange') walk(hop.to.name, depth + 1);
    }
  };
  if (hops[0]) walk(hops[0].from.name, 0);
  for (const hop of hops) walk(hop.from.name, 0);
  return found;
}
