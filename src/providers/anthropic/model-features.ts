/** What a generation of Claude takes of thinking, effort, sampling and forced tools; the rest of the wire is one. */
export interface ModelFeatures {
  /**
   * `always`: thinks, and refuses to be told otherwise. `between_tools`: its thinking before the answer can be turned off,
   * by that name. `optional`: thinks unless told not to. `budgeted`: thinks only when given a number of tokens.
   */
  thinking: "always" | "between_tools" | "optional" | "budgeted";
  /** Whether `tool_choice` may force a call while the model does not think; no Claude takes it while it thinks. */
  takesForcedTools: boolean;
  /** Whether `temperature`, `top_p` and `top_k` are taken while the model does not think. */
  takesSampling: boolean;
}

const always: ModelFeatures = {
  thinking: "always",
  takesForcedTools: false,
  takesSampling: false,
};
const betweenTools: ModelFeatures = { ...always, thinking: "between_tools" };
const optional: ModelFeatures = {
  thinking: "optional",
  takesForcedTools: true,
  takesSampling: false,
};
const budgeted: ModelFeatures = {
  thinking: "budgeted",
  takesForcedTools: true,
  takesSampling: true,
};

/** platform.claude.com/docs, "What's new" of each model, read 2026-11-21. A name that none matches is taken for a new one. */
const byName: readonly (readonly [RegExp, ModelFeatures])[] = [
  [/^claude-(?:fable|mythos)-/, always],
  [/^claude-opus-5-5/, always],
  [/^claude-sonnet-5-5/, betweenTools],
  // 4.6 deprecated budgets and refuses prefill, but takes adaptive thinking; 4.5 and before know budgets only.
  [/^claude-(?:opus|sonnet|haiku)-4-[67]/, { ...optional, takesSampling: false }],
  [/^claude-(?:3|(?:opus|sonnet|haiku)-4(?:-[015])?(?:-\d{8})?$)/, budgeted],
];

export function featuresOf(modelName: string): ModelFeatures {
  return byName.find(([pattern]) => pattern.test(modelName))?.[1] ?? optional;
}
