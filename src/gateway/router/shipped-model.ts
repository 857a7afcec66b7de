import stored from "./weights.json" with { type: "json" };
import { loadModel, type RouterModel } from "./router-model.ts";

let loaded: RouterModel | undefined;

/** The model of `npm run router:train`, decoded with the first prompt that needs it. */
export function shippedModel(): RouterModel {
  loaded ??= loadModel(stored);
  return loaded;
}
