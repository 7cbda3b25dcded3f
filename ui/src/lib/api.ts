// Calls of the HTTP API. Every part of a path is encoded here and nowhere else: api`queues/${vhost}/${name}`.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    reason: string,
  ) {
    super(reason);
  }

  /** Nobody is logged in (any more); a refusal of somebody who is has the same status. */
  get isLoggedOut(): boolean {
    return this.status === 401 && /^(login failed|not management user|not_authorized)/i.test(this.message);
  }
}

export function api(texts: TemplateStringsArray, ...parts: (string | number)[]): string {
  return texts.reduce((path, text, index) => path + encodeURIComponent(String(parts[index - 1])) + text);
}

/** `path?name=value...`; what is undefined, empty or false is left out. */
export function query(path: string, values: Record<string, string | number | boolean | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '' && value !== false) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}

let onLoggedOut: () => void = () => undefined;

export function whenLoggedOut(callback: () => void): void {
  onLoggedOut = callback;
}

export interface Sent {
  method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  body?: unknown;
  form?: Record<string, string>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The JSON that the API answers, or undefined. Throws ApiError. */
export async function call<T = unknown>(path: string, sent: Sent = {}): Promise<T> {
  const headers = new Headers(sent.headers);
  headers.set('accept', 'application/json');
  headers.set('x-requested-with', 'leveret'); // so that a refusal does not open the browser's own login
  let body: string | undefined;
  if (sent.form) {
    headers.set('content-type', 'application/x-www-form-urlencoded');
    body = new URLSearchParams(sent.form).toString();
  } else if (sent.body !== undefined) {
    headers.set('content-type', 'application/json');
    body = typeof sent.body === 'string' ? sent.body : JSON.stringify(sent.body);
  }
  let response: Response;
  try {
    response = await fetch(`api/${path}`, {
      method: sent.method ?? 'GET',
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body }),
      ...(sent.signal ? { signal: sent.signal } : {}),
    });
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === 'AbortError') throw problem;
    throw new ApiError(0, 'unreachable', 'The broker does not answer.');
  }
  const text = await response.text();
  let value: unknown;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  if (!response.ok) {
    const told = (value ?? {}) as { error?: unknown; reason?: unknown };
    const reason =
      typeof told.reason === 'string' ? told.reason : `${response.status} ${response.statusText}`;
    const problem = new ApiError(response.status, String(told.error ?? response.statusText), reason);
    if (problem.isLoggedOut && path !== 'login' && path !== 'whoami') onLoggedOut();
    throw problem;
  }
  return value as T;
}

export const put = (path: string, body: unknown = {}) => call(path, { method: 'PUT', body });
export const post = <T = unknown>(path: string, body: unknown = {}) =>
  call<T>(path, { method: 'POST', body });
export const remove = (path: string, headers: Record<string, string> = {}) =>
  call(path, { method: 'DELETE', headers });

export function isAbort(problem: unknown): boolean {
  return problem instanceof DOMException && problem.name === 'AbortError';
}

/** A text for people. */
export function reasonOf(problem: unknown): string {
  if (problem instanceof ApiError && problem.status === 404 && problem.message === 'Not Found')
    return 'Not found: one of these names does not exist (any more).';
  return problem instanceof Error ? problem.message : String(problem);
}
