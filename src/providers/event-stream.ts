import { AppError } from "../core/errors.ts";

/** A server-sent event, as far as model providers use them. */
export interface StreamEvent {
  name: string | null;
  data: string;
}

/** No provider's event comes near this; a stream without line breaks must not fill the isolate's memory. */
const maxEventLength = 4 * 1024 * 1024;

/** Decodes `text/event-stream` from pieces of any size (WHATWG HTML, section 9.2.6). */
export interface EventDecoder {
  push(bytes: Uint8Array): StreamEvent[];
  /** What is left when the stream ends: an event whose closing blank line never came, or `null`. */
  end(): StreamEvent | null;
}

export function createEventDecoder(): EventDecoder {
  const decoder = new TextDecoder();
  let rest = "";
  let name: string | null = null;
  let data: string[] = [];
  let dataLength = 0;

  const readLine = (line: string): StreamEvent | null => {
    if (line === "") {
      const event = data.length === 0 ? null : { name, data: data.join("\n") };
      name = null;
      data = [];
      dataLength = 0;
      return event;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      // Counted with its line, so that empty ones do not come for nothing.
      dataLength += value.length + 1;
      if (dataLength > maxEventLength) throw eventTooLong();
      data.push(value);
    }
    if (field === "event") name = value;
    return null;
  };

  return {
    push(bytes) {
      rest += decoder.decode(bytes, { stream: true });
      const events: StreamEvent[] = [];
      let start = 0;
      for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n", start)) {
        const event = readLine(rest.slice(start, rest[end - 1] === "\r" && end > start ? end - 1 : end));
        if (event !== null) events.push(event);
        start = end + 1;
      }
      rest = rest.slice(start);
      if (rest.length > maxEventLength) throw eventTooLong();
      return events;
    },
    end() {
      rest += decoder.decode();
      if (rest !== "") readLine(rest);
      rest = "";
      return readLine("");
    },
  };
}

function eventTooLong(): AppError {
  return new AppError("upstream_invalid_response", "The provider sent a stream that is none.", {
    internal: "an event exceeded 4 MiB",
    retryable: true,
  });
}
