import { Webhook } from "standardwebhooks";
import { createSecretKeys } from "../core/secret-keys.ts";
import type { Settings } from "../env.ts";
import { guardedFetch, type Destinations } from "../outbound/guarded-fetch.ts";

/** Standard Webhooks advises 15 to 30 s. */
const timeoutMs = 15_000;
/** What a receiver says besides its status is not read. */
const maxAnswerBytes = 64 * 1024;

/** A webhook ready to go: `body` is what is signed, byte for byte. */
export interface OutgoingWebhook {
  /** Stays the same over all attempts, so that a receiver can tell a repetition. */
  id: string;
  url: string;
  body: string;
}

/** Delivers once and gives back the receiver's status; throws when nobody answered. */
export type SendWebhook = (webhook: OutgoingWebhook, nowMs: number) => Promise<number>;

/** Signs (Standard Webhooks, `v1`) with the project's secret and posts. A redirect is not followed: the receiver has moved. */
export function createWebhookSender(
  settings: Settings,
  projectId: string,
  fetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, init),
): SendWebhook {
  return async ({ id, url, body }, nowMs) => {
    const keys = await createSecretKeys(settings.PARAPET_SECRET);
    const at = new Date(nowMs);
    const signature = new Webhook(await keys.webhookSecret(projectId)).sign(id, at, body);
    const response = await guardedFetch(
      url,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "parapet-webhooks",
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
          "webhook-signature": signature,
        },
        body,
      },
      {
        destinations: webhookDestinations(settings),
        bounds: { timeoutMs, maxBytes: maxAnswerBytes, maxRedirects: 0 },
        fetch,
      },
    );
    return response.status;
  };
}

/** Where this deployment's webhooks may go. */
export function webhookDestinations(settings: Settings): Destinations {
  const allowedHosts = listOf(settings.PARAPET_WEBHOOK_HOSTS);
  return {
    allowsLoopback: settings.PARAPET_ENVIRONMENT === "local",
    allowedHosts: allowedHosts.length === 0 ? null : allowedHosts,
    ownHosts: listOf(settings.PARAPET_OWN_HOSTS),
  };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((host) => host.trim())
    .filter((host) => host !== "");
}
