import { z } from "zod";

/** A versioned prompt, as its file says it. */
export interface Prompt {
  name: string;
  version: string;
  /** Of the whole file, so that two texts never share a version unnoticed. */
  hash: string;
  variables: string[];
  system: string;
  user: string;
}

const frontMatter = z.object({
  name: z.string().min(1),
  version: z.string().regex(/^v\d+\.\d+$/),
  variables: z.string().transform((text) =>
    text
      .replace(/^\[|\]$/g, "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  ),
});

/** Reads `---` front matter (name, version, variables) and the sections `# system` and `# user`. */
export function parsePrompt(file: string, hash: string): Prompt {
  const match = /^---\n([\s\S]*?)\n---\n+# system\n([\s\S]*?)# user\n([\s\S]*)$/.exec(file);
  if (match === null) throw new Error("a prompt file is front matter, then `# system`, then `# user`");
  const [, head = "", system = "", user = ""] = match;
  const fields = Object.fromEntries(
    head.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const prompt = { ...frontMatter.parse(fields), hash, system: system.trim(), user: user.trim() };
  const used = new Set([...`${system}${user}`.matchAll(/\{\{(\w+)\}\}/g)].map((variable) => variable[1] ?? ""));
  const undeclared = [...used].filter((name) => !prompt.variables.includes(name));
  const unused = prompt.variables.filter((name) => !used.has(name));
  if (undeclared.length + unused.length > 0) {
    throw new Error(
      `prompt ${prompt.name} ${prompt.version}: variables do not match the text: ${[...undeclared, ...unused].join(", ")}`,
    );
  }
  return prompt;
}

/** Fills the variables in one pass, so that a value which looks like a variable stays text. */
export function renderPrompt(template: string, values: Record<string, string>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the prompt's variable ${name} has no value`);
    return value;
  });
}
