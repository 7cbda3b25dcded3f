// Where the boxes of the topology stand: elk, in a worker of its own, so that the page never waits for it.

import ELK, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk-api.js';
import worker from 'elkjs/lib/elk-worker.min.js?url';
import { HEIGHT, curve, merged, middle, widthOf, type Picture } from './graph';
import type { Graph } from './types';

const elk = new ELK({ workerFactory: () => new Worker(worker) });

export async function layOut(graph: Graph): Promise<Picture> {
  const edges = merged(graph.edges);
  const asked: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.spacing.nodeNode': '18',
      'elk.layered.spacing.nodeNodeBetweenLayers': '110',
      'elk.layered.spacing.edgeNodeBetweenLayers': '24',
      'elk.spacing.componentComponent': '36',
      'elk.layered.nodePlacement.strategy': graph.nodes.length > 300 ? 'SIMPLE' : 'BRANDES_KOEPF',
      'elk.padding': '[top=24,left=24,bottom=24,right=24]',
    },
    children: graph.nodes.map((node) => ({ id: node.id, width: widthOf(node), height: HEIGHT })),
    edges: edges.map((edge, index) => ({
      id: String(index),
      sources: [edge.source],
      targets: [edge.target],
    })),
  };
  const laid = await elk.layout(asked);
  const places = new Map((laid.children ?? []).map((child) => [child.id, child]));
  return {
    width: laid.width ?? 0,
    height: laid.height ?? 0,
    boxes: graph.nodes.map((node) => {
      const at = places.get(node.id);
      return { node, x: at?.x ?? 0, y: at?.y ?? 0, width: widthOf(node), height: HEIGHT };
    }),
    paths: ((laid.edges ?? []) as ElkExtendedEdge[]).map((laidEdge) => {
      const section = laidEdge.sections?.[0];
      const points = section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [];
      const edge = edges[Number(laidEdge.id)] as (typeof edges)[number];
      return { edge, id: laidEdge.id, d: curve(points), ...middle(points) };
    }),
  };
}
