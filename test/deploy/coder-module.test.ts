// The Coder module as Terraform sees it: what it declares, that it is valid, and what scripts it makes.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";
import { DEFAULTS, MODULE, renderItem, renderScript } from "../helpers/coder-module.ts";
import { readDocument } from "../helpers/documents.ts";
import { parseHcl } from "../helpers/hcl.ts";
import { emptyDirectory } from "../helpers/program.ts";
import { HAS_TERRAFORM, useTerraform } from "../helpers/terraform.ts";

type Blocks = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

const module = (await parseHcl("main.tf", readFileSync(join(MODULE, "main.tf"), "utf8"))) as {
  readonly variable: Blocks;
  readonly output: Blocks;
  readonly resource: Readonly<Record<string, Blocks>>;
};
const guide = readDocument("deploy/coder/README.md");
const text = (name: string): string => readFileSync(join(MODULE, name), "utf8");

test("every variable and output says what it is, and every choice is checked", () => {
  for (const [name, [block]] of [...Object.entries(module.variable), ...Object.entries(module.output)]) {
    expect(block?.["description"], name).toMatch(/\.$/);
  }
  const checked = Object.entries(module.variable).filter(
    ([, [block]]) => block?.["validation"] !== undefined,
  );
  expect(checked.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      "github_auth",
      "install_method",
      "log_level",
      "open_in",
      "port",
      "share",
      "slug",
    ]),
  );
});

test("the guide names every variable and every output", () => {
  for (const name of [...Object.keys(module.variable), ...Object.keys(module.output)]) {
    expect(guide).toMatch(new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``));
  }
});

test("every variable of the guide's examples exists", async () => {
  for (const [, block = ""] of guide.matchAll(/^```tf\n(.*?)^```$/gms)) {
    const example = (await parseHcl("example.tf", block)) as { readonly module?: Blocks };
    for (const [uses] of Object.values(example.module ?? {})) {
      const names = Object.keys(uses ?? {}).filter((name) => !["source", "count", "version"].includes(name));
      expect(Object.keys(module.variable)).toEqual(expect.arrayContaining(names));
    }
  }
});

test("the app shows the page and asks the server itself how it is", () => {
  const [app] = module.resource["coder_app"]?.["page"] ?? [];
  const url = ["http://localhost:", "var.port"].join("$").replace("$", "$" + "{");
  expect(app).toMatchObject({ url: `${url}}/`, healthcheck: [{ url: `${url}}/health` }] });
  expect(module.resource["coder_script"]).toMatchObject({
    start: [{ run_on_start: true }],
    stop: [{ run_on_stop: true }],
  });
});

test("the scripts use what the module gives them, and are given what they use", () => {
  const used = (name: string): string[] => [
    ...new Set([...text(name).matchAll(/\bFM_[A-Z0-9_]+\b/g)].map(([variable]) => variable)),
  ];
  const made = ["FM_ACTION", "FM_PROGRAM", "FM_LOG", "FM_STATE", "FM_"];
  const given = Object.keys(DEFAULTS);
  expect(
    used("run.sh")
      .filter((name) => !made.includes(name))
      .sort(),
  ).toEqual([...given].sort());
  expect([...given, ...made]).toEqual(expect.arrayContaining(used("supervise.sh")));
});

describe.skipIf(!HAS_TERRAFORM)("with terraform (it is not on this machine, if this is skipped)", () => {
  /** A copy of the module that its tests can be run in. */
  function copyModule(): string {
    const folder = emptyDirectory();
    cpSync(MODULE, folder, { recursive: true });
    return folder;
  }

  test("it is formatted, and the guide's examples are", () => {
    const { run } = useTerraform();
    expect(run(MODULE, ["fmt", "-check", "-recursive", "-diff"])).toEqual({ code: 0, output: "" });
    const folder = emptyDirectory();
    for (const [index, [, block = ""]] of [...guide.matchAll(/^```tf\n(.*?)^```$/gms)].entries()) {
      writeFileSync(join(folder, `example-${index}.tf`), block);
    }
    expect(run(folder, ["fmt", "-check", "-diff"])).toEqual({ code: 0, output: "" });
  });

  test("it is valid, and its own tests pass", { timeout: 120_000 }, () => {
    const { run } = useTerraform();
    const folder = copyModule();
    const initialized = run(folder, ["init", "-no-color"]);
    expect(initialized.code, initialized.output).toBe(0);
    const tested = run(folder, ["test", "-no-color"]);
    expect(tested.output).toMatch(/^Success! [1-9]\d* passed, 0 failed\.$/m);
    expect(tested.code).toBe(0);
  });

  test("the guide's template is valid", { timeout: 120_000 }, () => {
    const { run } = useTerraform();
    const folder = emptyDirectory();
    const [, template = ""] = /^```tf\n(terraform \{.*?)^```$/ms.exec(guide) ?? [];
    writeFileSync(join(folder, "main.tf"), template);
    cpSync(MODULE, join(folder, "fleet-metadata"), { recursive: true });
    const initialized = run(folder, ["init", "-no-color"]);
    expect(initialized.code, initialized.output).toBe(0);
    const { code, output } = run(folder, ["validate", "-no-color"]);
    expect(output).toContain("Success! The configuration is valid.");
    expect(code).toBe(0);
  });

  /** What is planned for each resource, and the outputs, for these variables. */
  function plan(variables: string) {
    const { run } = useTerraform();
    const folder = copyModule();
    const file = `mock_provider "coder" {}\nrun "plan" {\n  command = plan\n  variables {\n${variables}\n  }\n}\n`;
    mkdirSync(join(folder, "tests"));
    writeFileSync(join(folder, "tests/plan.tftest.hcl"), file);
    const initialized = run(folder, ["init", "-no-color"]);
    expect(initialized.code, initialized.output).toBe(0);
    const { output } = run(folder, ["test", "-json", "-verbose", "-filter=tests/plan.tftest.hcl"]);
    const line = output.split("\n").find((candidate) => candidate.includes('"type":"test_plan"')) ?? output;
    const { test_plan } = JSON.parse(line) as {
      readonly test_plan: {
        readonly resource_changes: readonly { address: string; change: { after: { script?: string } } }[];
        readonly output_changes: Readonly<Record<string, { after: readonly { script: string }[] }>>;
      };
    };
    const script = (address: string): string | undefined =>
      test_plan.resource_changes.find((change) => change.address === address)?.change.after.script;
    return { script, items: test_plan.output_changes["metadata"]?.after.map((item) => item.script) };
  }

  test("its scripts are those that are tested here", { timeout: 120_000 }, () => {
    const { script, items } = plan('    agent_id = "a"');
    expect(script("coder_script.start")).toBe(renderScript("start"));
    expect(script("coder_script.stop")).toBe(renderScript("stop"));
    expect(items?.[0]).toBe(renderItem("http://127.0.0.1:8000", "git_branch git_status"));
  });

  test("values reach its scripts as they are", { timeout: 120_000 }, () => {
    const { script } = plan(
      '    agent_id = "a"\n    workspace = "/it\'s $HOME/`x`"\n    settings = { FLEET_METADATA_TASK_FILE = "/tmp/a b\'c" }',
    );
    const settings = "export FLEET_METADATA_TASK_FILE='/tmp/a b'\\''c'";
    const expected = { FM_WORKSPACE: "/it's $HOME/`x`", FM_SETTINGS: settings };
    expect(script("coder_script.start")).toBe(renderScript("start", expected));
  });
});
