// Asks the registry whether vulnerabilities are known in the packages that the program is made of. Fails when there are; passes, and
// says so, when the registry does not tell: many mirrors serve packages and no advisories, and a check must work without a network.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { programPackages } from "./program-packages.ts";

interface Found {
  readonly severity: string;
  /** Advisories, or names of the packages through which it is affected. */
  readonly via: readonly (string | { readonly title: string; readonly url: string })[];
}

/** One of the two, as npm prints it. */
interface Report {
  readonly vulnerabilities?: Readonly<Record<string, Found>>;
  readonly statusCode?: number;
  readonly error?: { readonly code?: string | null; readonly summary?: string };
}

const root = join(import.meta.dirname, "..");
const args = ["audit", "--json", "--fetch-retries=0", "--fetch-timeout=10000"];
const { stdout, error } = spawnSync("npm", args, { cwd: root, encoding: "utf8", timeout: 60_000 });
const report = parse(stdout);

if (report?.vulnerabilities === undefined) {
  const cause = report?.statusCode ?? report?.error?.code ?? error?.message;
  const isRefused = cause !== undefined && cause !== null;
  console.log(
    isRefused
      ? `       not known: the registry does not tell of vulnerabilities (${cause})`
      : `npm audit: ${report?.error?.summary ?? stdout}`,
  );
  process.exitCode = isRefused ? 0 : 1;
} else {
  const names = programPackages(root);
  const vulnerable = Object.entries(report.vulnerabilities).filter(([name]) => names.has(name));
  for (const [name, { severity, via }] of vulnerable) {
    const titles = via.map((one) =>
      typeof one === "string" ? `by way of ${one}` : `${one.title} ${one.url}`,
    );
    console.log(`${name} (${severity}): ${titles.join("; ")}`);
  }
  console.log(
    `       ${vulnerable.length === 0 ? "none is known" : `${vulnerable.length} packages with known vulnerabilities`}`,
  );
  process.exitCode = vulnerable.length === 0 ? 0 : 1;
}

function parse(text: string | null): Report | undefined {
  try {
    return JSON.parse(text ?? "") as Report;
  } catch {
    return undefined;
  }
}
