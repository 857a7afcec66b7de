import type { BuiltWorker } from "./build-worker.ts";

/** One worker of a workerd configuration. */
export interface WorkerConfig {
  name: string;
  /** The main module first. */
  modules: BuiltWorker["modules"];
  text?: Record<string, string>;
  /** Binding to service, or to a service's entrypoint. */
  services?: Record<string, string | { service: string; entrypoint: string }>;
  /** Binding to class, all SQLite. */
  objects?: Record<string, string>;
  /** D1 bindings, to the service that answers them. */
  databases?: Record<string, string>;
  /** Whether it listens on a port of its own. */
  listens: boolean;
}

export const compatibilityDate = "2026-11-01";
const compatibilityFlags = ["nodejs_compat", "enable_request_signal"];

/** The Cap'n Proto text that workerd reads, and the module files it embeds (their names unique across workers). */
export function renderConfig(
  workers: WorkerConfig[],
  { objectFolder }: { objectFolder: string },
): { config: string; files: { name: string; contents: string }[] } {
  const files: { name: string; contents: string }[] = [];
  const services = workers.map((worker) => {
    const modules = worker.modules.map((module) => {
      const name = `${worker.name}-${module.path}`;
      files.push({ name, contents: module.contents });
      const kind = module.type === "ESModule" ? "esModule" : "text";
      return `(name = ${text(module.path)}, ${kind} = embed ${text(name)})`;
    });
    const bindings = [
      ...entries(worker.text).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
      ...entries(worker.services).map(([name, to]) => `(name = ${text(name)}, service = ${designator(to)})`),
      ...entries(worker.objects).map(
        ([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`,
      ),
      ...entries(worker.databases).map(
        ([name, service]) =>
          `(name = ${text(name)}, wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = [(name = "fetcher", service = ${text(service)})]))`,
      ),
    ];
    const namespaces = Object.values(worker.objects ?? {}).map(
      (className) =>
        `(className = ${text(className)}, uniqueKey = ${text(`${worker.name}-${className}`)}, enableSql = true)`,
    );
    return `(name = ${text(worker.name)}, worker = (
      compatibilityDate = ${text(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}],
      modules = [${modules.join(", ")}],
      bindings = [${bindings.join(", ")}],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      ${namespaces.length > 0 ? 'durableObjectStorage = (localDisk = "objects"),' : ""}
    ))`;
  });
  const sockets = workers
    .filter((worker) => worker.listens)
    .map(({ name }) => `(name = ${text(name)}, address = "127.0.0.1:0", http = (), service = ${text(name)})`);
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["public", "private"])),
    (name = "objects", disk = (path = ${text(objectFolder)}, writable = true)),
    ${services.join(",\n    ")}
  ],
  sockets = [${sockets.join(", ")}],
);
`;
  return { config, files };
}

function entries<T>(record: Record<string, T> | undefined): [string, T][] {
  return Object.entries(record ?? {});
}

function designator(to: string | { service: string; entrypoint: string }): string {
  return typeof to === "string" ? text(to) : `(name = ${text(to.service)}, entrypoint = ${text(to.entrypoint)})`;
}

/** Cap'n Proto's strings escape as JSON's do, as far as ours go. */
function text(value: string): string {
  return JSON.stringify(value);
}
