// Where one can go: the pages in the order of the menu, the key that follows g, and the tag that a user needs.
import type { Component } from 'svelte';
import type { Tag } from './lib/may';
import type { IconName } from './ui/Icon.svelte';
import Overview from './pages/Overview.svelte';
import Connections from './pages/Connections.svelte';
import Connection from './pages/Connection.svelte';
import Channels from './pages/Channels.svelte';
import Channel from './pages/Channel.svelte';
import Exchanges from './pages/Exchanges.svelte';
import Exchange from './pages/Exchange.svelte';
import Queues from './pages/Queues.svelte';
import Queue from './pages/Queue.svelte';
import Topology from './pages/Topology.svelte';
import Tracer from './pages/Tracer.svelte';
import Users from './pages/admin/Users.svelte';
import User from './pages/admin/User.svelte';
import VHosts from './pages/admin/VHosts.svelte';
import Policies from './pages/admin/Policies.svelte';
import Limits from './pages/admin/Limits.svelte';
import Flags from './pages/admin/Flags.svelte';
import Definitions from './pages/admin/Definitions.svelte';
import Cluster from './pages/admin/Cluster.svelte';

export interface Place {
  page: string;
  label: string;
  icon: IconName;
  key: string;
  needs: Tag;
  component: Component;
  detail?: Component;
  isAdmin?: boolean;
}
export const places: readonly Place[] = [
  {
    page: 'overview',
    label: 'Overview',
    icon: 'overview',
    key: 'o',
    needs: 'management',
    component: Overview,
  },
  {
    page: 'connections',
    label: 'Connections',
    icon: 'connections',
    key: 'c',
    needs: 'management',
    component: Connections,
    detail: Connection,
  },
  {
    page: 'channels',
    label: 'Channels',
    icon: 'channels',
    key: 'h',
    needs: 'management',
    component: Channels,
    detail: Channel,
  },
  {
    page: 'exchanges',
    label: 'Exchanges',
    icon: 'exchanges',
    key: 'e',
    needs: 'management',
    component: Exchanges,
    detail: Exchange,
  },
  {
    page: 'queues',
    label: 'Queues and streams',
    icon: 'queues',
    key: 'q',
    needs: 'management',
    component: Queues,
    detail: Queue,
  },
  {
    page: 'topology',
    label: 'Topology',
    icon: 'topology',
    key: 't',
    needs: 'management',
    component: Topology,
  },
  {
    page: 'tracer',
    label: 'Routing tracer',
    icon: 'tracer',
    key: 'r',
    needs: 'management',
    component: Tracer,
  },
  {
    page: 'users',
    label: 'Users',
    icon: 'users',
    key: 'u',
    needs: 'administrator',
    component: Users,
    detail: User,
    isAdmin: true,
  },
  {
    page: 'vhosts',
    label: 'Virtual hosts',
    icon: 'vhosts',
    key: 'v',
    needs: 'management',
    component: VHosts,
    isAdmin: true,
  },
  {
    page: 'policies',
    label: 'Policies',
    icon: 'policies',
    key: 'p',
    needs: 'policymaker',
    component: Policies,
    isAdmin: true,
  },
  {
    page: 'limits',
    label: 'Limits',
    icon: 'limits',
    key: 'l',
    needs: 'management',
    component: Limits,
    isAdmin: true,
  },
  {
    page: 'flags',
    label: 'Feature flags',
    icon: 'flags',
    key: 'f',
    needs: 'monitoring',
    component: Flags,
    isAdmin: true,
  },
  {
    page: 'definitions',
    label: 'Definitions',
    icon: 'definitions',
    key: 'd',
    needs: 'administrator',
    component: Definitions,
    isAdmin: true,
  },
  {
    page: 'cluster',
    label: 'Cluster',
    icon: 'cluster',
    key: 'n',
    needs: 'monitoring',
    component: Cluster,
    isAdmin: true,
  },
];
