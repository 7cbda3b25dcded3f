// What the whole page knows: where it is, who looks, which vhost, how often, and which theme.

import { call, isAbort, reasonOf, remove, whenLoggedOut, ApiError } from './api';
import { may, tagsOf, type Tag } from './may';
import { parse, type Route } from './routes';
import type { VHost } from './types';

// Where it is

class Place {
  route: Route = $state.raw(parse(location.hash));
  hash = $state(location.hash);

  constructor() {
    addEventListener('hashchange', () => {
      this.hash = location.hash;
      this.route = parse(location.hash);
    });
  }

  go(to: string): void {
    location.hash = to;
  }
}
export const place = new Place();

// Settings are kept in this browser

function kept(name: string, otherwise: string): string {
  try {
    return localStorage.getItem(`leveret.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}
function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`leveret.${name}`, value);
  } catch {
    // A browser that keeps nothing: until the page is left.
  }
}

export type Theme = 'system' | 'light' | 'dark';
const dark = matchMedia('(prefers-color-scheme: dark)');

class Settings {
  theme = $state(kept('theme', 'system') as Theme);
  interval_ms = $state(Number(kept('interval', '5000')) || 0);
  vhost = $state(kept('vhost', ''));
  span_s = $state(Number(kept('span', '300')) || 300);
  #systemDark = $state(dark.matches);

  constructor() {
    dark.addEventListener('change', () => (this.#systemDark = dark.matches));
  }

  get isDark(): boolean {
    return this.theme === 'system' ? this.#systemDark : this.theme === 'dark';
  }

  set(name: 'theme' | 'interval' | 'vhost' | 'span', value: string): void {
    keep(name, value);
    if (name === 'theme') this.theme = value as Theme;
    else if (name === 'interval') this.interval_ms = Number(value);
    else if (name === 'span') this.span_s = Number(value);
    else this.vhost = value;
  }
}
export const settings = new Settings();

// Who looks

class Session {
  name = $state('');
  tags: string[] = $state.raw([]);
  state: 'asking' | 'out' | 'in' = $state('asking');
  problem = $state('');
  vhosts: VHost[] = $state.raw([]);

  async ask(): Promise<void> {
    try {
      this.#enter(await call<{ name: string; tags: string[] | string }>('whoami'));
    } catch (problem) {
      this.state = 'out';
      if (problem instanceof ApiError && problem.status !== 401) this.problem = problem.message;
    }
  }

  async logIn(username: string, password: string): Promise<void> {
    await call('login', { method: 'POST', form: { username, password } });
    this.#enter(await call<{ name: string; tags: string[] | string }>('whoami'));
  }

  async logOut(): Promise<void> {
    try {
      await remove('login');
    } finally {
      this.leave('');
    }
  }

  leave(problem: string): void {
    this.state = 'out';
    this.problem = problem;
    this.name = '';
    this.tags = [];
  }

  #enter(who: { name: string; tags: string[] | string }): void {
    this.name = who.name;
    this.tags = tagsOf(who.tags);
    this.problem = '';
    this.state = 'in';
    void this.loadVhosts();
  }

  may(tag: Tag): boolean {
    return may(this.tags, tag);
  }

  async loadVhosts(): Promise<void> {
    try {
      this.vhosts = await call<VHost[]>('vhosts?columns=name,tracing,default_queue_type');
      if (settings.vhost && !this.vhosts.some((one) => one.name === settings.vhost))
        settings.set('vhost', '');
    } catch {
      // The selector stays as it is.
    }
  }

  /** The one that is selected, else the first: for forms. */
  get vhost(): string {
    return (
      settings.vhost || (this.vhosts.some((one) => one.name === '/') ? '/' : (this.vhosts[0]?.name ?? '/'))
    );
  }
}
export const session = new Session();
whenLoggedOut(() => {
  if (session.state === 'in') session.leave('You were logged out. Please log in again.');
});

// Things that happen in the broker make pages look again

class Happening {
  count = $state(0);
  isLive = $state(false);
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  open(): void {
    if (this.#source || typeof EventSource === 'undefined') return;
    const source = new EventSource('api/leveret/events');
    this.#source = source;
    source.onopen = () => (this.isLive = true);
    source.onerror = () => (this.isLive = false);
    const objects = [
      'queue',
      'exchange',
      'binding',
      'connection',
      'consumer',
      'policy',
      'vhost',
      'user',
      'alarm',
    ];
    for (const object of objects) {
      for (const what of ['created', 'deleted', 'closed', 'set', 'cleared']) {
        source.addEventListener(`${object}.${what}`, () => this.touch());
      }
    }
  }

  close(): void {
    this.#source?.close();
    this.#source = null;
    this.isLive = false;
  }

  /** Look again, soon; many at once are one. */
  touch(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.count += 1;
    }, 400);
  }
}
export const happening = new Happening();

// What is looked at again and again

/** A GET that is repeated while its component lives; what was there stays until the next answer. */
export class Live<T> {
  data: T | undefined = $state.raw();
  problem: ApiError | undefined = $state.raw();
  isStale = $state(false);
  /** Milliseconds of the last answer: who answers slowly is asked less often. */
  #took_ms = 0;
  #path = '';
  #abort: AbortController | null = null;

  constructor(path: () => string | null, options: { once?: boolean } = {}) {
    $effect(() => {
      const now = path();
      void happening.count;
      if (now === null) return;
      this.#path = now;
      const every_ms = options.once ? 0 : settings.interval_ms;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let ended = false;
      const look = async () => {
        if (document.visibilityState === 'visible') await this.look();
        if (!ended && every_ms) timer = setTimeout(() => void look(), Math.max(every_ms, this.#took_ms * 5));
      };
      void look();
      return () => {
        ended = true;
        clearTimeout(timer);
        this.#abort?.abort();
      };
    });
  }

  async look(): Promise<void> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    const began = performance.now();
    try {
      const data = await call<T>(this.#path, { signal: abort.signal });
      this.data = data;
      this.problem = undefined;
      this.isStale = false;
    } catch (problem) {
      if (isAbort(problem)) return;
      this.problem = problem instanceof ApiError ? problem : new ApiError(0, 'error', reasonOf(problem));
      this.isStale = this.data !== undefined;
    }
    this.#took_ms = performance.now() - began;
  }
}

// Short messages

export interface Toast {
  id: number;
  text: string;
  kind: 'good' | 'bad';
}
class Toasts {
  list: Toast[] = $state([]);
  #next = 1;

  say(text: string, kind: 'good' | 'bad' = 'good'): void {
    const id = this.#next++;
    this.list.push({ id, text, kind });
    if (this.list.length > 4) this.list.shift();
    setTimeout(() => this.close(id), kind === 'good' ? 5000 : 12000);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}
export const toasts = new Toasts();

// Dialogs that are open

class Dialogs {
  #open: string[] = $state.raw([]);

  get top(): string | undefined {
    return this.#open.at(-1);
  }

  opened(id: string): void {
    this.#open = [...this.#open, id];
  }

  closed(id: string): void {
    this.#open = this.#open.filter((one) => one !== id);
  }
}
export const dialogs = new Dialogs();

/** Do something, say how it went, and make the page look again. */
export async function act<T>(
  doing: () => Promise<T>,
  done: string | ((result: T) => string),
): Promise<boolean> {
  try {
    const result = await doing();
    toasts.say(typeof done === 'string' ? done : done(result));
    happening.count += 1;
    return true;
  } catch (problem) {
    toasts.say(reasonOf(problem), 'bad');
    return false;
  }
}

// Questions before something is lost

export interface Question {
  title: string;
  text: string;
  verb: string;
  /** What has to be typed first, if anything. */
  typed?: string;
  /** A text that is asked for with it. */
  asks?: string;
  /** What can be ticked; `isChosen` tells afterwards. */
  choices?: Choice[];
}
export interface Choice {
  label: string;
  isChosen: boolean;
}
class Asking {
  question: Question | null = $state.raw(null);
  #answer: (value: string | null) => void = () => undefined;

  /** The text that was asked for ("" if none), or null: no. */
  confirm(question: Question): Promise<string | null> {
    this.#answer(null);
    this.question = question;
    return new Promise((resolve) => (this.#answer = resolve));
  }

  answer(value: string | null): void {
    this.question = null;
    const answer = this.#answer;
    this.#answer = () => undefined;
    answer(value);
  }
}
export const asking = new Asking();
