import { loadSuite } from "../../src/evaluation/load-suite.ts";

const suite = loadSuite("handbook");
if (suite === null) throw new Error("the handbook suite is not bundled");

/** The sample handbook and its cases, as the evals run them. */
export const handbook = suite;
