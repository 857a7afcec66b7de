import { expect, it } from "vitest";
import { StopFilter } from "../../../src/local/node/stop-filter.ts";

it.each([
  { name: "a stop string within a piece", stops: ["END"], pieces: ["one END two"], text: "one " },
  { name: "a stop string over several pieces", stops: ["END"], pieces: ["one E", "N", "D two"], text: "one " },
  { name: "the first of several stop strings", stops: ["two", "one"], pieces: ["zero one two"], text: "zero " },
  { name: "no stop string, with an end that looked like one", stops: ["END"], pieces: ["one EN"], text: "one EN" },
  { name: "an end that looked like one and went on", stops: ["END"], pieces: ["one E", "ntry"], text: "one Entry" },
  { name: "an empty stop string, which stops nothing", stops: [""], pieces: ["one"], text: "one" },
])("keeps the text before $name", ({ stops, pieces, text }) => {
  const filter = new StopFilter(stops);
  expect(pieces.map((piece) => filter.push(piece)).join("") + filter.end()).toBe(text);
});
