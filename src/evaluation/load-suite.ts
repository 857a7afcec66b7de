import handbookCases from "../../evals/handbook/cases.jsonl";
import alerts from "../../evals/handbook/documents/alerts.md";
import apiLimits from "../../evals/handbook/documents/api-limits.md";
import backups from "../../evals/handbook/documents/backups.md";
import dataRegions from "../../evals/handbook/documents/data-regions.md";
import dataRetention from "../../evals/handbook/documents/data-retention.md";
import gateways from "../../evals/handbook/documents/gateways.md";
import incidents from "../../evals/handbook/documents/incidents.md";
import migration from "../../evals/handbook/documents/migration.md";
import mobileApp from "../../evals/handbook/documents/mobile-app.md";
import plansAndBilling from "../../evals/handbook/documents/plans-and-billing.md";
import refunds from "../../evals/handbook/documents/refunds.md";
import securityAndPrivacy from "../../evals/handbook/documents/security-and-privacy.md";
import singleSignOn from "../../evals/handbook/documents/single-sign-on.md";
import support from "../../evals/handbook/documents/support.md";
import handbook from "../../evals/handbook/suite.json";
import { parseSuite, type Suite } from "./suite.ts";

const handbookDocuments = {
  alerts: alerts,
  "api-limits": apiLimits,
  backups: backups,
  "data-regions": dataRegions,
  "data-retention": dataRetention,
  gateways: gateways,
  incidents: incidents,
  migration: migration,
  "mobile-app": mobileApp,
  "plans-and-billing": plansAndBilling,
  refunds: refunds,
  "security-and-privacy": securityAndPrivacy,
  "single-sign-on": singleSignOn,
  support: support,
};

const suites = {
  handbook: () =>
    parseSuite({
      head: handbook,
      cases: handbookCases,
      documents: Object.entries(handbookDocuments).map(([name, text]) => ({ name, text })),
    }),
} satisfies Record<string, () => Suite>;

export const suiteNames = Object.keys(suites);

/** A bundled suite with its cases and documents, or `null`. */
export function loadSuite(name: string): Suite | null {
  const load = Object.entries(suites).find(([known]) => known === name)?.[1];
  return load?.() ?? null;
}
