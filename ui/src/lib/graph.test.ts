import { describe, expect, it } from 'vitest';
import { around, connected, curve, merged, middle, strokeOf } from './graph';
import { steps } from './hops';
import { may, tagsOf } from './may';
import type { Graph, Hop } from './types';

const graph: Graph = {
  nodes: [
    { id: 'exchange:a', type: 'exchange', name: 'a' },
    { id: 'exchange:alone', type: 'exchange', name: 'alone' },
    { id: 'queue:q', type: 'queue', name: 'q' },
    { id: 'queue:far', type: 'queue', name: 'far' },
  ],
  edges: [
    { source: 'exchange:a', target: 'queue:q', kind: 'binding', routing_key: 'x', rate: 1 },
    { source: 'exchange:a', target: 'queue:q', kind: 'binding', routing_key: 'y', rate: 5 },
  ],
};

describe('the topology', () => {
  it('leaves out exchanges without bindings, never queues', () => {
    expect(connected(graph).nodes.map((node) => node.name)).toEqual(['a', 'q', 'far']);
  });

  it('shows what is around a name', () => {
    expect(around(graph, 'Q').nodes.map((node) => node.name)).toEqual(['a', 'q']);
    expect(around(graph, '  ')).toBe(graph);
  });

  it('has one line for several bindings', () => {
    expect(merged(graph.edges)).toMatchObject([{ count: 2, rate: 5 }]);
  });

  it('draws lines with round corners', () => {
    const points = [
      { x: 0, y: 0 },
      { x: 50, y: 0 },
      { x: 50, y: 50 },
    ];
    expect(curve(points)).toBe('M0 0 L40 0 Q50 0 50 10 L50 50');
    expect(middle(points)).toEqual({ x: 50, y: 0 });
    expect(curve([])).toBe('');
  });

  it('has wider lines for more messages', () => {
    expect(strokeOf(undefined)).toBe(1.2);
    expect(strokeOf(1000)).toBeGreaterThan(strokeOf(10));
    expect(strokeOf(1e12)).toBe(6);
  });
});

describe('a traced route', () => {
  const hop = (from: string, to: string, type: string): Hop => ({
    from: { type: 'exchange', name: from },
    to: { type, name: to },
    reason: 'binding',
  });

  it('is indented by its steps', () => {
    const hops = [hop('a', 'b', 'exchange'), hop('a', 'q1', 'queue'), hop('b', 'q2', 'queue')];
    expect(steps(hops).map(({ hop, depth }) => [hop.to.name, depth])).toEqual([
      ['b', 0],
      ['q2', 1],
      ['q1', 0],
    ]);
  });

  it('ends when it goes round in a circle', () => {
    const hops = [hop('a', 'b', 'exchange'), hop('b', 'a', 'exchange')];
    expect(steps(hops)).toHaveLength(2);
  });
});

describe('tags', () => {
  it('imply others', () => {
    expect(may(['administrator'], 'monitoring')).toBe(true);
    expect(may(['monitoring'], 'management')).toBe(true);
    expect(may(['monitoring'], 'policymaker')).toBe(false);
    expect(may([], 'management')).toBe(false);
  });

  it('come as a list or a text', () => {
    expect(tagsOf('a, b,')).toEqual(['a', 'b']);
    expect(tagsOf(['a'])).toEqual(['a']);
    expect(tagsOf(undefined)).toEqual([]);
  });
});
