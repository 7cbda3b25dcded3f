// Which figures make which lines of the charts.

import { details, levels, perSecond, rateOf, totalOf } from './rates';
import type { Stats } from './types';

export interface LineOf {
  label: string;
  color: number;
  points: [number, number][];
  now?: number | undefined;
}

function rates(stats: Stats | undefined, what: [string, string, number][]): LineOf[] {
  return what.map(([label, name, color]) => ({
    label,
    color,
    points: perSecond(details(stats, name)),
    now: rateOf(stats, name),
  }));
}

export function messageRates(stats: Stats | undefined): LineOf[] {
  return rates(stats, [
    ['Published', 'publish', 1],
    ['Delivered', 'deliver_get', 2],
    ['Acknowledged', 'ack', 3],
    ['Confirmed', 'confirm', 5],
    ['Redelivered', 'redeliver', 4],
    ['Returned', 'return_unroutable', 6],
  ]).filter((line) => details(stats, nameOf(line.label)) !== undefined);
}

const NAMES: Record<string, string> = {
  Published: 'publish',
  Delivered: 'deliver_get',
  Acknowledged: 'ack',
  Confirmed: 'confirm',
  Redelivered: 'redeliver',
  Returned: 'return_unroutable',
};
function nameOf(label: string): string {
  return NAMES[label] ?? label;
}

export function queued(stats: Stats | undefined): LineOf[] {
  const what: [string, string, number][] = [
    ['Ready', 'messages_ready', 3],
    ['Unacknowledged', 'messages_unacknowledged', 1],
    ['Total', 'messages', 5],
  ];
  return what.map(([label, name, color]) => ({
    label,
    color,
    points: levels(details(stats, name)),
    now: totalOf(stats, name),
  }));
}

export function churn(stats: Stats | undefined): { connections: LineOf[]; queues: LineOf[] } {
  return {
    connections: rates(stats, [
      ['Connections opened', 'connection_created', 2],
      ['Connections closed', 'connection_closed', 4],
      ['Channels opened', 'channel_created', 1],
      ['Channels closed', 'channel_closed', 3],
    ]),
    queues: rates(stats, [
      ['Declared', 'queue_declared', 1],
      ['Created', 'queue_created', 2],
      ['Deleted', 'queue_deleted', 4],
    ]),
  };
}

export function dataRates(of: Stats): LineOf[] {
  return rates(of, [
    ['From the client', 'recv_oct', 1],
    ['To the client', 'send_oct', 2],
  ]);
}
