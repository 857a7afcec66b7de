import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

export const issuer = "https://identity.test/";

/** A team's identity provider on loopback: its key set over HTTP, and its users' tokens. */
export interface IdentityProvider {
  keysUrl: string;
  /** How often its keys were asked for. */
  asked(): number;
  /** A token good for five minutes; `claims` win, and `kid` names a key that is not there. */
  tokenFor(subject: string, claims?: Record<string, unknown>, kid?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" }] });
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    keysUrl: `http://127.0.0.1:${address.port}/keys`,
    asked: () => requests,
    tokenFor: (subject, claims = {}, kid = "k1") =>
      new SignJWT({ iss: issuer, aud: "web-app", sub: subject, exp: Math.floor(Date.now() / 1000) + 300, ...claims })
        .setProtectedHeader({ alg: "ES256", kid })
        .sign(privateKey),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
