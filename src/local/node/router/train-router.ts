import { bucketCount, structureNames, type PromptFeatures } from "../../../gateway/router/read-prompt.ts";
import { standardise, type FormWeights, type StoredModel } from "../../../gateway/router/router-model.ts";
import type { RoutingRow } from "./routing-rows.ts";
import { solveRidge, type SparseMatrix } from "./solve-ridge.ts";

/** What was chosen on cross-validated figures: docs/routing.md has what else was tried. */
export interface TrainingOptions {
  /** Of the ridge. */
  strength: number;
  /** How far a row's target is its domain's mean gain rather than its own, noisy one. */
  domainShare: number;
  /** Rows of the overall mean that a domain's mean is shrunk by. */
  domainPrior: number;
  /** The larger a part's scale, the less its weights are held back. */
  scale: { words: number; openWords: number; options: number; open: number; shared: number; form: number };
  /** What an open prompt's own weights may rest on: there are few such rows. */
  openStructure: readonly string[];
  /** What counts alike for prompts of every form: what a benchmark of another form can teach. */
  sharedStructure: readonly string[];
}

export const defaultTraining: TrainingOptions = {
  strength: 3,
  domainShare: 0.5,
  domainPrior: 20,
  scale: { words: 0.7, openWords: 0.2, options: 0.03, open: 0.07, shared: 0.08, form: 0.3 },
  openStructure: [
    "characters",
    "commas",
    "words per sentence",
    "long words",
    "numbers",
    "largest number",
    "fractions",
    "comparisons",
    "decimals",
  ],
  sharedStructure: ["characters", "words", "commas"],
};

type Trained = Omit<StoredModel, "quantiles">;

/** As many as a byte holds gain nothing, and the bundle is smaller by 20 kB compressed with fewer. */
const levels = { rarity: 15, wordWeights: 31 };

/** Learns to predict the gain (strong right less weak right) of each row. Deterministic. */
export function trainRouter(rows: readonly RoutingRow[], options: TrainingOptions = defaultTraining): Trained {
  const rarity = rarityOf(rows);
  const forms = { options: momentsOf(rows, true), open: momentsOf(rows, false) };
  const mean = average(rows.map(gainOf));
  const targets = targetsOf(rows, options).map((target) => target - mean);
  const { scale } = options;
  const count = structureNames.length;
  const optionsAt = bucketCount;
  const openAt = optionsAt + count;
  const sharedAt = openAt + count;
  const formAt = sharedAt + count;

  const matrix: SparseMatrix = { columns: formAt + 1, starts: [0], indices: [], values: [] };
  const put = (index: number, value: number) => {
    if (value === 0) return;
    matrix.indices.push(index);
    matrix.values.push(value);
  };
  for (const { features } of rows) {
    const { hasOptions, structure, buckets } = features;
    const form = hasOptions ? forms.options : forms.open;
    const norm = Math.sqrt(buckets.reduce((total, bucket) => total + (rarity[bucket] ?? 0) ** 2, 0));
    const wordScale = scale.words * (hasOptions ? 1 : scale.openWords);
    for (const bucket of buckets) put(bucket, (wordScale * (rarity[bucket] ?? 0)) / norm);
    structureNames.forEach((name, at) => {
      const value = standardise(structure[at] ?? 0, form.mean[at] ?? 0, form.deviation[at] ?? 1);
      if (hasOptions) put(optionsAt + at, value * scale.options);
      else if (options.openStructure.includes(name)) put(openAt + at, value * scale.open);
      if (options.sharedStructure.includes(name)) put(sharedAt + at, value * scale.shared);
    });
    if (hasOptions) put(formAt, scale.form);
    matrix.starts.push(matrix.indices.length);
  }
  const solved = solveRidge(matrix, targets, options.strength);
  const weightsFrom = (ownAt: number, ownScale: number) =>
    structureNames.map((_name, at) =>
      rounded((solved[ownAt + at] ?? 0) * ownScale + (solved[sharedAt + at] ?? 0) * scale.shared),
    );
  const wordWeights = Float64Array.from(rarity, (rare, bucket) => (solved[bucket] ?? 0) * scale.words * rare);
  return {
    structure: [...structureNames],
    options: {
      ...forms.options,
      bias: rounded(mean + (solved[formAt] ?? 0) * scale.form),
      weight: weightsFrom(optionsAt, scale.options),
      words: 1,
    },
    open: { ...forms.open, bias: rounded(mean), weight: weightsFrom(openAt, scale.open), words: scale.openWords },
    rarity: toBytes(rarity, levels.rarity),
    wordWeights: toBytes(wordWeights, levels.wordWeights),
  };
}

export function gainOf({ weak, strong }: RoutingRow): number {
  return strong - weak;
}

/** The same bucket in every row says nothing; in one row, most. */
function rarityOf(rows: readonly RoutingRow[]): Float64Array {
  const counts = new Float64Array(bucketCount);
  for (const { features } of rows) for (const bucket of features.buckets) counts[bucket] = (counts[bucket] ?? 0) + 1;
  return counts.map((count) => Math.log((1 + rows.length) / (1 + count)) + 1);
}

function momentsOf(rows: readonly RoutingRow[], hasOptions: boolean): Pick<FormWeights, "mean" | "deviation"> {
  const own = rows.filter(({ features }) => features.hasOptions === hasOptions);
  // A form without a row borrows the other's.
  const values = (own.length === 0 ? rows : own).map(
    ({ features }: { features: PromptFeatures }) => features.structure,
  );
  const mean = structureNames.map((_name, at) => average(values.map((structure) => structure[at] ?? 0)));
  const deviation = structureNames.map((_name, at) =>
    Math.sqrt(average(values.map((structure) => ((structure[at] ?? 0) - (mean[at] ?? 0)) ** 2))),
  );
  return { mean: mean.map(rounded), deviation: deviation.map((value) => (value < 1e-6 ? 1 : rounded(value))) };
}

/** One outcome of a prompt is mostly chance; what its domain's other prompts gained is less so. */
function targetsOf(rows: readonly RoutingRow[], { domainShare, domainPrior }: TrainingOptions): number[] {
  const overall = average(rows.map(gainOf));
  const benchmarksDomains = Map.groupBy(rows, ({ benchmark }) => benchmark);
  const means = new Map<string, number>();
  for (const [domain, own] of Map.groupBy(rows, (row) => row.domain)) {
    const sum = own.reduce((total, row) => total + gainOf(row), 0);
    means.set(domain, (sum + domainPrior * overall) / (own.length + domainPrior));
  }
  return rows.map((row) => {
    // A benchmark that is one domain has nothing to tell its prompts apart by.
    const isOneDomain = benchmarksDomains.get(row.benchmark)?.every(({ domain }) => domain === row.domain) === true;
    const share = isOneDomain ? 0 : domainShare;
    return (1 - share) * gainOf(row) + share * (means.get(row.domain) ?? overall);
  });
}

function toBytes(values: Float64Array, most: number): StoredModel["rarity"] {
  const step = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9) / most;
  const bytes = Uint8Array.from(values, (value) => Math.round(value / step) & 0xff);
  return { step, bytes: Buffer.from(bytes).toString("base64") };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((total, value) => total + value, 0) / values.length;
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
