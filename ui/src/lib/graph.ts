// The topology as a picture: what elk is asked, and what comes back. Pure functions.

import type { Graph, GraphEdge, GraphNode } from './types';

export interface Box {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Path {
  edge: GraphEdge;
  id: string;
  d: string;
  /** Where its rate is written. */
  x: number;
  y: number;
}
export interface Picture {
  boxes: Box[];
  paths: Path[];
  width: number;
  height: number;
}

export const HEIGHT = 48;

/** Room for a name, at about 7.2 pixels a letter; long ones are cut. */
export function widthOf(node: GraphNode): number {
  return Math.min(240, Math.max(132, Math.round(Math.min(26, node.name.length) * 7.4) + 56));
}

/** What does not move anything when only figures change. */
export function shapeOf(graph: Graph): string {
  return JSON.stringify([
    graph.nodes.map((node) => node.id),
    graph.edges.map((edge) => [edge.source, edge.target, edge.kind, edge.routing_key]),
  ]);
}

/** Without exchanges that nothing leads to or from: every virtual host has some. */
export function connected(graph: Graph): Graph {
  const ends = new Set(graph.edges.flatMap((edge) => [edge.source, edge.target]));
  return { ...graph, nodes: graph.nodes.filter((node) => node.type === 'queue' || ends.has(node.id)) };
}

/** Nodes with this in their names, and who is next to them. */
export function around(graph: Graph, wanted: string): Graph {
  const lower = wanted.trim().toLowerCase();
  if (!lower) return graph;
  const hit = new Set(
    graph.nodes.filter((node) => node.name.toLowerCase().includes(lower)).map((node) => node.id),
  );
  const kept = new Set(hit);
  for (const { source, target } of graph.edges) {
    if (hit.has(source)) kept.add(target);
    if (hit.has(target)) kept.add(source);
  }
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => kept.has(node.id)),
    edges: graph.edges.filter((edge) => kept.has(edge.source) && kept.has(edge.target)),
  };
}

/** Several bindings between the same two are one line. */
export function merged(edges: GraphEdge[]): (GraphEdge & { count: number })[] {
  const found = new Map<string, GraphEdge & { count: number }>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.source, edge.target, edge.kind]);
    const known = found.get(key);
    if (known) {
      known.count += 1;
      known.rate = Math.max(known.rate ?? 0, edge.rate ?? 0);
    } else found.set(key, { ...edge, count: 1 });
  }
  return [...found.values()];
}

export interface ElkPoint {
  x: number;
  y: number;
}

/** A line through points with round corners. */
export function curve(points: ElkPoint[], radius = 10): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let d = `M${first.x} ${first.y}`;
  rest.forEach((point, index) => {
    const after = rest[index + 1];
    const before = index ? (rest[index - 1] as ElkPoint) : first;
    if (!after) {
      d += ` L${point.x} ${point.y}`;
      return;
    }
    const [towards, onwards] = [before, after].map((other) => {
      const distance = Math.hypot(other.x - point.x, other.y - point.y) || 1;
      const part = Math.min(radius, distance / 2) / distance;
      return { x: point.x + (other.x - point.x) * part, y: point.y + (other.y - point.y) * part };
    }) as [ElkPoint, ElkPoint];
    d += ` L${towards.x} ${towards.y} Q${point.x} ${point.y} ${onwards.x} ${onwards.y}`;
  });
  return d;
}

/** The middle of a line. */
export function middle(points: ElkPoint[]): ElkPoint {
  const lengths = points
    .slice(1)
    .map((point, index) => Math.hypot(point.x - (points[index]?.x ?? 0), point.y - (points[index]?.y ?? 0)));
  let half = lengths.reduce((sum, length) => sum + length, 0) / 2;
  for (const [index, length] of lengths.entries()) {
    const [from, to] = [points[index], points[index + 1]] as [ElkPoint, ElkPoint];
    if (half <= length) {
      const part = length ? half / length : 0;
      return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
    }
    half -= length;
  }
  return points[0] ?? { x: 0, y: 0 };
}

/** Wider the more goes through: 1.2 at rest, 6 at most. */
export function strokeOf(rate: number | undefined): number {
  return Math.min(6, 1.2 + Math.log10(1 + Math.max(0, rate ?? 0)) * 1.3);
}
