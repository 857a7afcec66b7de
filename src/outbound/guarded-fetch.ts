import { AppError } from "../core/errors.ts";
import { isLoopbackHost, isPublicHost, withoutTrailingDot } from "./public-address.ts";

/** Where a call may go. */
export interface Destinations {
  /** Development alone: plain http, and this machine. */
  allowsLoopback: boolean;
  /** The only hosts; `*.example.com` is every name below example.com. `null`: any host on the public internet. */
  allowedHosts: readonly string[] | null;
  /** Hosts this deployment answers at: nothing it fetches is its own. */
  ownHosts: readonly string[];
}

export interface GuardedRequest {
  method?: string;
  headers?: Record<string, string>;
  /** Text or bytes, so that a redirect can send them again. */
  body?: string | Uint8Array<ArrayBuffer>;
  signal?: AbortSignal;
}

export interface FetchBounds {
  /** Redirects, headers and body together. */
  timeoutMs: number;
  /** Of the decoded body. */
  maxBytes: number;
  /** 0: an answer that redirects is given back as it is. */
  maxRedirects?: number;
}

export interface GuardedResponse {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
  /** Where the answer came from in the end. */
  url: string;
}

const defaultMaxRedirects = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** What another host may be told too; every other header may be a credential. */
const plainHeaders = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/**
 * Makes every outgoing call that is not to a configured provider or issuer of tokens. Each address on the way is checked before it is asked.
 * Throws `destination_refused` (400) for an address that may not be asked, `upstream_timeout`, `upstream_error` (out of reach, or
 * too many redirects) and `upstream_invalid_response` (larger than `maxBytes`).
 */
export async function guardedFetch(
  address: string,
  request: GuardedRequest,
  {
    destinations,
    bounds,
    fetch: fetchAddress,
  }: { destinations: Destinations; bounds: FetchBounds; fetch: typeof globalThis.fetch },
): Promise<GuardedResponse> {
  const deadline = AbortSignal.timeout(bounds.timeoutMs);
  const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline]);
  const maxRedirects = bounds.maxRedirects ?? defaultMaxRedirects;
  let url = checkDestination(address, destinations);
  let { method = "GET", headers = {}, body } = request;
  try {
    for (let redirects = 0; ; redirects += 1) {
      const response = await fetchAddress(url, {
        method,
        headers,
        redirect: "manual",
        signal,
        ...(body === undefined ? {} : { body }),
      });
      const location = redirectStatuses.has(response.status) ? response.headers.get("location") : null;
      if (location === null || maxRedirects === 0) {
        const bytes = await readBounded(response, bounds.maxBytes);
        return { status: response.status, headers: response.headers, body: bytes, url: url.href };
      }
      await response.body?.cancel();
      if (redirects >= maxRedirects)
        throw new AppError("upstream_error", `${url.host} redirects more than ${maxRedirects} times.`);
      const next = checkDestination(resolve(location, url), destinations);
      if (next.origin !== url.origin) headers = onlyPlain(headers);
      if (becomesGet(response.status, method)) {
        method = "GET";
        body = undefined;
        headers = withoutContent(headers);
      }
      url = next;
    }
  } catch (cause) {
    if (cause instanceof AppError || request.signal?.aborted === true) throw cause;
    if (deadline.aborted)
      throw new AppError("upstream_timeout", `${url.host} did not answer within ${bounds.timeoutMs} ms.`, {
        cause,
        retryable: true,
      });
    throw new AppError("upstream_error", `${url.host} could not be reached.`, { cause, retryable: true });
  }
}

/** The address, if it may be asked; throws `destination_refused` with the reason. */
export function checkDestination(address: string, { allowsLoopback, allowedHosts, ownHosts }: Destinations): URL {
  const url = URL.parse(address);
  if (url === null) throw refused("is not a URL");
  const isLoopback = isLoopbackHost(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && allowsLoopback && isLoopback))
    throw refused("must be an https: URL");
  if (url.username !== "" || url.password !== "") throw refused("must not carry a user name or password");
  const host = withoutTrailingDot(url.hostname);
  if (isOneOf(host, ownHosts)) throw refused("must not be this deployment itself");
  if (!isPublicHost(url.hostname) && !(allowsLoopback && isLoopback))
    throw refused("must be a host on the public internet");
  if (allowedHosts !== null && !isOneOf(host, allowedHosts)) throw refused("is not one of the allowed hosts");
  return url;
}

function refused(reason: string): AppError {
  return new AppError("destination_refused", `The address ${reason}.`);
}

function isOneOf(host: string, names: readonly string[]): boolean {
  return names.some((name) =>
    name.startsWith("*.") ? host.endsWith(name.slice(1).toLowerCase()) : host === name.toLowerCase(),
  );
}

function resolve(location: string, base: URL): string {
  return URL.parse(location, base.href)?.href ?? location;
}

/** As browsers do (Fetch standard, HTTP-redirect fetch, step 12). */
function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

function onlyPlain(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => plainHeaders.has(name.toLowerCase())));
}

function withoutContent(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.toLowerCase().startsWith("content-")));
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    // Leaving the loop cancels the body.
    if (length > maxBytes)
      throw new AppError("upstream_invalid_response", `The answer is larger than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
