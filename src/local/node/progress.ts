/** One report of a long step. `doneBytes` and `totalBytes` are there while something is being downloaded. */
export interface Progress {
  message: string;
  doneBytes?: number;
  totalBytes?: number;
}

export type OnProgress = (progress: Progress) => void;

interface ProgressStream {
  isTTY?: boolean;
  write(text: string): unknown;
}

const barWidth = 24;
const plainStepPercent = 25;

/** Renders progress: a bar redrawn in place on a terminal, otherwise a plain line per message and per quarter of a download. */
export function createProgressPrinter(stream: ProgressStream): OnProgress {
  let openBar = false;
  let lastPlain = "";

  return ({ message, doneBytes, totalBytes }) => {
    const percent = percentOf(doneBytes, totalBytes);
    if (percent === null || doneBytes === undefined || totalBytes === undefined) {
      stream.write(`${openBar ? "\n" : ""}${message}\n`);
      openBar = false;
      return;
    }
    if (stream.isTTY) {
      const filled = Math.round((percent / 100) * barWidth);
      const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
      stream.write(`\r\u001b[K${message} ${bar} ${percent}% ${megabytes(doneBytes)} of ${megabytes(totalBytes)}`);
      openBar = percent < 100;
      if (!openBar) stream.write("\n");
      return;
    }
    const step = Math.floor(percent / plainStepPercent) * plainStepPercent;
    const plain = `${message} ${step}% of ${megabytes(totalBytes)}`;
    if (plain === lastPlain) return;
    lastPlain = plain;
    stream.write(`${plain}\n`);
  };
}

function percentOf(doneBytes: number | undefined, totalBytes: number | undefined): number | null {
  if (doneBytes === undefined || totalBytes === undefined || totalBytes <= 0) return null;
  return Math.min(100, Math.floor((doneBytes / totalBytes) * 100));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
