/** What every target is asked and answers: about 1 KB of conversation, 21 words of answer. */

export const modes = ["plain", "stream"] as const;
export type Mode = (typeof modes)[number];

/** How long the scripted provider waits before it answers. */
export const delaysMs = [0, 50] as const;

export const concurrencies = [1, 10, 50] as const;

/** The provider's name in PARAPET_PROVIDERS. */
export const providerName = "bench";

/** The provider knows the delay by the model's name. */
export function modelOfDelay(delayMs: number): string {
  return `after-${delayMs}-ms`;
}

export function delayOfModel(model: string): number {
  return Number(/^after-(\d+)-ms$/.exec(model)?.[1] ?? 0);
}

/** In a stream, each word is a chunk. */
export const benchAnswer =
  "The refund reaches the customer's account within five working days after we approve it, and we send a note that day.";

export const benchMessages = [
  {
    role: "system",
    content:
      "You are the support assistant of a company that sells industrial sensors. Answer in plain words, in at most three sentences, and say so when you do not know.",
  },
  {
    role: "user",
    content:
      "Hello! Two weeks ago I ordered six temperature gateways for our plant, and on Monday we noticed that two of them lose their connection whenever the compressor next door starts. We moved them to another wall and changed the antenna, which helped a little, but not enough for production.",
  },
  {
    role: "assistant",
    content: "I am sorry to hear that. Would you rather have the two units replaced, or send them back for a refund?",
  },
  {
    role: "user",
    content:
      "We would like to send them back. How long does it usually take until the money is on our account, do we have to pay for the parcel ourselves, and is there anything that we need to write on the form besides the order number?",
  },
];

/** The request body as it goes over the wire. */
export function requestBody({ model, mode }: { model: string; mode: Mode }): string {
  return JSON.stringify({
    model,
    messages: benchMessages,
    max_tokens: 200,
    ...(mode === "stream" ? { stream: true } : {}),
  });
}
