import { describe, expect, it } from "vitest";
import {
  checkDestination,
  guardedFetch,
  type Destinations,
  type FetchBounds,
  type GuardedRequest,
} from "../../src/outbound/guarded-fetch.ts";

const anywhere: Destinations = { allowsLoopback: false, allowedHosts: null, ownHosts: [] };
const bounds: FetchBounds = { timeoutMs: 1_000, maxBytes: 100 };

const refusal = (address: string, change: Partial<Destinations> = {}) => {
  try {
    checkDestination(address, { ...anywhere, ...change });
    return null;
  } catch (cause) {
    return cause;
  }
};

describe("an address", () => {
  it.each([
    ["a name", "https://example.com/hook?x=1"],
    ["a name with a trailing dot", "https://example.com./"],
    ["another port", "https://example.com:8443/"],
    ["a public IPv4 address", "https://1.1.1.1/"],
    ["the address below 10.0.0.0/8", "https://9.255.255.255/"],
    ["the address above 100.64.0.0/10", "https://100.128.0.1/"],
    ["the address above 172.16.0.0/12", "https://172.32.0.1/"],
    ["a public IPv6 address", "https://[2606:4700::1111]/"],
    ["an IPv6 address in 2001:4860::/32", "https://[2001:4860:4860::8888]/"],
    ["a name that only ends like a private one", "https://mylocalhost.com/"],
  ])("that is %s is asked", (_what, address) => {
    expect(refusal(address)).toBeNull();
  });

  it.each([
    ["no URL", "nonsense"],
    ["plain http", "http://example.com/"],
    ["a file", "file:///etc/passwd"],
    ["data", "data:text/plain,x"],
    ["an address with a password", "https://user:pass@example.com/"],
    ["an address with a user name", "https://1.1.1.1@127.0.0.1/"],
    ["localhost", "https://localhost/"],
    ["localhost with a dot", "https://localhost./"],
    ["a name below localhost", "https://a.localhost/"],
    ["a name without a dot", "https://metadata/"],
    ["the metadata host", "https://metadata.google.internal/"],
    ["the metadata host in capitals, with a dot", "https://METADATA.GOOGLE.INTERNAL./"],
    ["a name of the local network", "https://printer.local/"],
    ["a name of a home network", "https://router.home.arpa/"],
    ["this network", "https://0.0.0.0/"],
    ["0", "https://0/"],
    ["loopback", "https://127.0.0.1/"],
    ["loopback further up", "https://127.255.255.254/"],
    ["loopback, short", "https://127.1/"],
    ["loopback in decimal", "https://2130706433/"],
    ["loopback in octal", "https://0177.0.0.1/"],
    ["loopback in octal, whole", "https://017700000001/"],
    ["loopback in hexadecimal", "https://0x7f.0.0.1/"],
    ["loopback in hexadecimal, whole", "https://0x7f000001/"],
    ["loopback in full-width digits", "https://１２７.0.0.1/"],
    ["loopback with ideographic dots", "https://127。0。0。1/"],
    ["loopback, percent-encoded", "https://%31%32%37.0.0.1/"],
    ["loopback with a dot", "https://127.0.0.1./"],
    ["10.0.0.0/8", "https://10.1.2.3/"],
    ["172.16.0.0/12", "https://172.31.255.255/"],
    ["192.168.0.0/16", "https://192.168.1.1/"],
    ["carrier-grade NAT", "https://100.64.0.1/"],
    ["the end of carrier-grade NAT", "https://100.127.255.255/"],
    ["link-local, the clouds' metadata", "https://169.254.169.254/latest/meta-data"],
    ["the metadata address in decimal", "https://2852039166/"],
    ["IETF protocol assignments", "https://192.0.0.8/"],
    ["a test network", "https://203.0.113.7/"],
    ["benchmarking", "https://198.19.0.1/"],
    ["multicast", "https://224.0.0.1/"],
    ["broadcast", "https://255.255.255.255/"],
    ["IPv6 loopback", "https://[::1]/"],
    ["IPv6 loopback in full", "https://[0:0:0:0:0:0:0:1]/"],
    ["IPv6 unspecified", "https://[::]/"],
    ["IPv6 link-local", "https://[fe80::1]/"],
    ["IPv6 unique local", "https://[fd00:ec2::254]/"],
    ["IPv6 multicast", "https://[ff02::1]/"],
    ["IPv6 site-local", "https://[fec0::1]/"],
    ["IPv4-mapped loopback", "https://[::ffff:127.0.0.1]/"],
    ["IPv4-mapped loopback in hexadecimal", "https://[::ffff:7f00:1]/"],
    ["an IPv4-compatible address", "https://[::127.0.0.1]/"],
    ["NAT64", "https://[64:ff9b::10.0.0.1]/"],
    ["local NAT64", "https://[64:ff9b:1::1]/"],
    ["6to4", "https://[2002:7f00:1::]/"],
    ["Teredo", "https://[2001:0:7f00:1::]/"],
    ["IPv6 for documents", "https://[2001:db8::1]/"],
    ["more IPv6 for documents", "https://[3fff:123::1]/"],
    ["discard-only", "https://[100::1]/"],
  ])("that is %s is refused", (_what, address) => {
    expect(refusal(address)).toMatchObject({ code: "destination_refused" });
  });

  it.each([
    ["http on this machine", "http://localhost:8080/", null],
    ["http on its address", "http://127.0.0.1:9/", null],
    ["http on its IPv6 address", "http://[::1]:9/", null],
    ["http elsewhere", "http://example.com/", "destination_refused"],
    ["another private network", "https://192.168.1.1/", "destination_refused"],
    ["another private network over http", "http://10.0.0.1/", "destination_refused"],
  ])("in development: %s", (_what, address, code) => {
    expect((refusal(address, { allowsLoopback: true }) as { code?: string } | null)?.code ?? null).toBe(code);
  });

  it.each([
    ["the host itself", "https://hooks.example.com/", null],
    ["the host in capitals", "https://HOOKS.example.com./", null],
    ["a name below a wildcard", "https://a.b.example.org/", null],
    ["the wildcard's own name", "https://example.org/", "destination_refused"],
    ["a name below the host", "https://a.hooks.example.com/", "destination_refused"],
    ["a host that ends like it", "https://evilexample.org/", "destination_refused"],
    ["another host", "https://example.net/", "destination_refused"],
    ["a private address that is on the list", "https://10.0.0.1/", "destination_refused"],
  ])("with a list of hosts: %s", (_what, address, code) => {
    const allowedHosts = ["hooks.example.com", "*.example.org", "10.0.0.1"];
    expect((refusal(address, { allowedHosts }) as { code?: string } | null)?.code ?? null).toBe(code);
  });

  it.each(["https://ai.example.com/v1/keys", "https://AI.EXAMPLE.COM./", "https://ai.example.com:444/"])(
    "of our own is refused: %s",
    (address) => {
      expect(refusal(address, { ownHosts: ["ai.example.com"] })).toMatchObject({ code: "destination_refused" });
    },
  );
});

interface Asked {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** A network of `url → answer`, and what was asked of it. */
function network(answers: Record<string, () => Response>) {
  const asked: Asked[] = [];
  const fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    expect(init?.redirect).toBe("manual");
    asked.push({
      url: request.url,
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    });
    const answer = answers[request.url];
    if (answer === undefined) throw new TypeError("connection refused");
    return answer();
  };
  return { asked, fetch };
}

const redirect = (status: number, location: string) => () => new Response(null, { status, headers: { location } });
const ok = () => new Response("fine");

async function run(
  answers: Record<string, () => Response>,
  request: GuardedRequest = {},
  more: Partial<{ destinations: Destinations; bounds: FetchBounds }> = {},
) {
  const { asked, fetch } = network(answers);
  const outcome = await guardedFetch("https://a.example/", request, {
    destinations: anywhere,
    bounds,
    ...more,
    fetch,
  }).then(
    (response) => ({ status: response.status, url: response.url, text: new TextDecoder().decode(response.body) }),
    (cause: unknown) => ({ code: (cause as { code?: string }).code }),
  );
  return { asked, outcome };
}

describe("a redirect", () => {
  it("is followed, relative to where it came from", async () => {
    const { outcome } = await run({ "https://a.example/": redirect(302, "/b"), "https://a.example/b": ok });
    expect(outcome).toEqual({ status: 200, url: "https://a.example/b", text: "fine" });
  });

  it.each(["http://b.example/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "file:///etc/passwd", "//10.1/"])(
    "to %s is refused, and nobody is asked",
    async (location) => {
      const { asked, outcome } = await run({ "https://a.example/": redirect(302, location) });
      expect(outcome).toEqual({ code: "destination_refused" });
      expect(asked).toHaveLength(1);
    },
  );

  it("is followed five times and not a sixth", async () => {
    const chain = (length: number) =>
      Object.fromEntries([
        ["https://a.example/", redirect(302, "/1")],
        ...Array.from({ length: length - 1 }, (_, i) => [`https://a.example/${i + 1}`, redirect(302, `/${i + 2}`)]),
        [`https://a.example/${length}`, ok],
      ]);
    expect((await run(chain(5))).outcome).toMatchObject({ status: 200 });
    expect((await run(chain(6))).outcome).toEqual({ code: "upstream_error" });
  });

  it("is given back where none may be followed", async () => {
    const { asked, outcome } = await run(
      { "https://a.example/": redirect(307, "https://b.example/") },
      {},
      { bounds: { ...bounds, maxRedirects: 0 } },
    );
    expect(outcome).toMatchObject({ status: 307 });
    expect(asked).toHaveLength(1);
  });

  it.each([
    ["the same host", "https://a.example/next", true],
    ["another host", "https://b.example/", false],
    ["another port", "https://a.example:444/", false],
  ])("to %s takes credentials along: %s → %s", async (_what, location, takesThem) => {
    const secrets = { authorization: "Bearer x", cookie: "c=1", "x-api-key": "k", "webhook-signature": "s" };
    const { asked } = await run(
      { "https://a.example/": redirect(307, location), [location]: ok },
      { headers: { ...secrets, accept: "text/plain" } },
    );
    expect(asked[1]?.headers).toMatchObject({ accept: "text/plain", ...(takesThem ? secrets : {}) });
    if (!takesThem) for (const name of Object.keys(secrets)) expect(asked[1]?.headers).not.toHaveProperty(name);
  });

  it("does not bring credentials back after another host", async () => {
    const { asked } = await run(
      {
        "https://a.example/": redirect(307, "https://b.example/"),
        "https://b.example/": redirect(307, "https://a.example/end"),
        "https://a.example/end": ok,
      },
      { headers: { authorization: "Bearer x" } },
    );
    expect(asked.map(({ headers }) => headers.authorization ?? null)).toEqual(["Bearer x", null, null]);
  });

  it.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "hello"],
    [308, "POST", "hello"],
  ])("with status %i makes a POST a %s", async (status, method, body) => {
    const { asked } = await run(
      { "https://a.example/": redirect(status, "/b"), "https://a.example/b": ok },
      { method: "POST", body: "hello", headers: { "content-type": "text/plain" } },
    );
    expect(asked[1]).toMatchObject({ method, body });
    expect(asked[1]?.headers["content-type"]).toBe(method === "POST" ? "text/plain" : undefined);
  });
});

describe("an answer", () => {
  it.each([
    [100, { status: 200 }],
    [101, { code: "upstream_invalid_response" }],
  ])("of %i bytes, with 100 allowed", async (size, expected) => {
    const { outcome } = await run({ "https://a.example/": () => new Response("x".repeat(size)) });
    expect(outcome).toMatchObject(expected);
  });

  it("that never ends is cut off, and the host is told", async () => {
    let cancelled = false;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(60)),
          cancel: () => {
            cancelled = true;
          },
        }),
      );
    const { outcome } = await run({ "https://a.example/": endless });
    expect(outcome).toEqual({ code: "upstream_invalid_response" });
    expect(cancelled).toBe(true);
  });

  it("that does not come ends at the deadline", async () => {
    const hang: typeof globalThis.fetch = (_input, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason ?? new Error("aborted"))),
      );
    const asking = guardedFetch(
      "https://a.example/",
      {},
      {
        destinations: anywhere,
        bounds: { ...bounds, timeoutMs: 10 },
        fetch: hang,
      },
    );
    await expect(async () => asking).rejects.toMatchObject({ code: "upstream_timeout", retryable: true });
  });

  it("of a host that cannot be reached is an error that may pass", async () => {
    expect((await run({})).outcome).toEqual({ code: "upstream_error" });
  });
});
