// Objects as the HTTP API tells them; only what is shown.

export interface Sample {
  sample: number;
  timestamp: number;
}
export interface Details {
  rate: number;
  samples?: Sample[];
}
/** Counters and their `_details`. */
export type Stats = { [name: string]: number | Details | undefined };
export type Arguments = Record<string, unknown>;

export interface Page<T> {
  items: T[];
  filtered_count: number;
  total_count: number;
  page: number;
  page_size: number;
}
export interface Listener {
  protocol: string;
  ip_address: string;
  port: number;
  node: string;
}
export interface Overview {
  product_name?: string;
  product_version?: string;
  rabbitmq_version: string;
  erlang_full_version: string;
  cluster_name: string;
  node: string;
  exchange_types: { name: string; description: string }[];
  object_totals: Record<string, number>;
  queue_totals: Stats;
  message_stats: Stats;
  churn_rates: Stats;
  listeners: Listener[];
}
export type Node = Stats & {
  name: string;
  running: boolean;
  uptime?: number;
  os_pid?: string;
  processors?: number;
  mem_used: number;
  mem_limit: number;
  mem_alarm: boolean;
  disk_free: number;
  disk_free_limit: number;
  disk_free_alarm: boolean;
  fd_used: number;
  fd_total: number;
  sockets_used?: number;
  sockets_total?: number;
  proc_used?: number;
  proc_total?: number;
  payload_bytes?: number;
};
export interface Queue {
  name: string;
  vhost: string;
  type: string;
  durable: boolean;
  auto_delete: boolean;
  exclusive: boolean;
  arguments: Arguments;
  state?: string;
  paused?: boolean;
  consumers?: number;
  policy?: string | null;
  operator_policy?: string | null;
  effective_policy_definition?: Arguments | null;
  messages?: number;
  messages_ready?: number;
  messages_unacknowledged?: number;
  message_bytes?: number;
  memory?: number;
  messages_details?: Details;
  messages_ready_details?: Details;
  messages_unacknowledged_details?: Details;
  message_stats?: Stats;
  consumer_details?: Consumer[];
  consumer_utilisation?: number;
  owner_pid_details?: { name: string };
  node?: string;
}
export interface Consumer {
  consumer_tag: string;
  queue: { name: string; vhost: string };
  exclusive: boolean;
  ack_required: boolean;
  prefetch_count: number;
  active?: boolean;
  arguments: Arguments;
  channel_details: { name?: string; connection_name?: string; user?: string };
}
export interface Exchange {
  name: string;
  vhost: string;
  type: string;
  durable: boolean;
  auto_delete: boolean;
  internal: boolean;
  arguments: Arguments;
  policy?: string | null;
  message_stats?: Stats;
}
export interface Binding {
  source: string;
  vhost: string;
  destination: string;
  destination_type: 'queue' | 'exchange';
  routing_key: string;
  arguments: Arguments;
  properties_key: string;
}
export interface Connection {
  name: string;
  user: string;
  vhost: string;
  state: string;
  protocol: string;
  ssl: boolean;
  channels: number;
  peer_host: string;
  peer_port: number;
  user_provided_name?: string;
  client_properties: Arguments;
  connected_at?: number;
  timeout?: number;
  frame_max?: number;
  channel_max?: number;
  auth_mechanism?: string;
  ssl_protocol?: string | null;
  ssl_cipher?: string | null;
  peer_cert_subject?: string | null;
  recv_oct: number;
  send_oct: number;
  send_pend?: number;
  recv_oct_details?: Details;
  send_oct_details?: Details;
}
export interface Channel {
  name: string;
  number: number;
  user: string;
  vhost: string;
  state: string;
  connection_details: { name: string; peer_host: string; peer_port: number };
  consumer_count: number;
  prefetch_count: number;
  global_prefetch_count: number;
  confirm: boolean;
  transactional: boolean;
  messages_unacknowledged: number;
  messages_unconfirmed: number;
  messages_uncommitted: number;
  acks_uncommitted?: number;
  message_stats?: Stats;
  consumer_details?: Consumer[];
}
export interface VHost {
  name: string;
  description?: string;
  tags?: string[];
  default_queue_type?: string;
  protected_from_deletion?: boolean;
  tracing?: boolean;
  cluster_state?: Record<string, string>;
  messages?: number;
  messages_ready?: number;
  messages_unacknowledged?: number;
  message_stats?: Stats;
}
export interface User {
  name: string;
  tags: string[] | string;
  limits?: Record<string, number>;
  password_hash?: string;
}
export interface Permission {
  user: string;
  vhost: string;
  configure: string;
  write: string;
  read: string;
}
export interface TopicPermission {
  user: string;
  vhost: string;
  exchange: string;
  write: string;
  read: string;
}
export interface Policy {
  vhost: string;
  name: string;
  pattern: string;
  'apply-to': string;
  definition: Arguments;
  priority: number;
}
export interface FeatureFlag {
  name: string;
  desc: string;
  state: string;
  stability: string;
  provided_by: string;
}
/** Of api/leveret. */
export interface Message {
  id: string;
  position?: number;
  redelivered: boolean;
  exchange: string;
  routing_key: string;
  properties: { headers?: Arguments; [name: string]: unknown };
  payload: string;
  payload_bytes: number;
  payload_encoding: 'string' | 'base64';
  truncated?: boolean;
}
export interface Hop {
  from: { type: string; name: string; kind?: string };
  to: { type: string; name: string };
  reason: string;
  routing_key?: string;
  arguments?: Arguments;
}
export interface Traced {
  queues: string[];
  hops: Hop[];
  unroutable: boolean;
  steps_cut: boolean;
}
export interface GraphNode {
  id: string;
  type: 'exchange' | 'queue';
  name: string;
  kind?: string;
  messages?: number;
  consumers?: number;
  paused?: boolean;
  publish_in_rate?: number;
  publish_rate?: number;
  deliver_rate?: number;
}
export interface GraphEdge {
  source: string;
  target: string;
  kind: string;
  routing_key?: string;
  arguments?: Arguments;
  rate?: number;
}
export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  cut?: boolean;
}
