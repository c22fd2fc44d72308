// The contract documents as the server serves them: valid by others' rules, and true of what it answers besides metadata.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, test } from "vitest";
import { createCatalogue } from "../../src/metadata/catalogue.ts";
import { ControlledCollector, data } from "../helpers/controlled-collector.ts";
import { createOpenApiValidators } from "../helpers/json-schema.ts";
import { useServer } from "../helpers/server.ts";

const git = new ControlledCollector("git", data({ git: { branch: "main" } }));
const server = useServer(() => ({ collectors: [git.scheduled()] }));
const protoNamed = useServer(() => ({ collectors: [git.scheduled()], flags: { jsonNames: "proto" } }));
const guarded = useServer(() => ({ collectors: [git.scheduled()], flags: { token: "s3cret" } }));
const documented = createOpenApiValidators();

async function text(url: string): Promise<string> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  return response.text();
}

describe("/openapi.json", () => {
  test("is what Redocly's linter wants", async () => {
    const source = await text(`${server().url}/openapi.json`);
    const config = await createConfig({ extends: ["recommended"] });
    const problems = await lintFromString({ source, config });
    expect(
      problems.map(({ ruleId, message, location: [place] }) => [ruleId, message, place?.pointer]),
    ).toEqual([]);
  });

  test("names every route that there is, and no other", async () => {
    const { paths } = JSON.parse(await text(`${server().url}/openapi.json`)) as { paths: object };
    const missing = await fetch(`${server().url}/nothing`);
    const { message } = (await missing.json()) as { message: string };
    const served = message.slice(message.indexOf("/")).split(/, | and /);
    expect(Object.keys(paths).sort()).toEqual(served.sort());
  });

  test("is true of errors, of single keys and of health", async () => {
    const at = async (path: string): Promise<unknown> => (await fetch(`${server().url}${path}`)).json();
    expect(documented.entry(await at("/metadata/git_branch"))).toEqual([]);
    expect(documented.entry(await at("/metadata/git_status?names=proto"))).toEqual([]);
    expect(documented.health(await at("/health"))).toEqual([]);
    for (const path of ["/nothing", "/metadata/nothing", "/metadata?max_age=1", "/metadata?names=x"]) {
      expect(documented.error(await at(path))).toEqual([]);
    }
    expect(documented.error(await (await fetch(`${guarded().url}/metadata`)).json())).toEqual([]);
  });
});

describe("/schema.json", () => {
  test("is a JSON Schema that names every key with its type", async () => {
    const schema = JSON.parse(await text(`${server().url}/schema.json`)) as {
      $defs: { GetMetadataResponse: { properties: { data: { properties: object } } } };
    };
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    formats.default(ajv);
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(Object.keys(schema.$defs.GetMetadataResponse.properties.data.properties)).toEqual(
      createCatalogue().leaves.map(({ key }) => key),
    );
    const validate = ajv.compile(schema);
    const answer = (await (await fetch(`${server().url}/metadata`)).json()) as {
      data: Record<string, { value: unknown }>;
    };
    expect(validate(answer)).toBe(true);
    const entry = answer.data["git_branch"];
    expect(validate({ ...answer, data: { git_branch: { ...entry, value: 7 } } })).toBe(false);
    expect(validate({ ...answer, data: { git_branch: { ...entry, value: null } } })).toBe(true);
    expect(validate({ ...answer, data: { git_status: { ...entry, value: "tidy" } } })).toBe(false);
    expect(validate({ ...answer, data: { a_newer_key: entry }, more: 1 })).toBe(true);
  });

  test("spells names as the request or the server says", async () => {
    const camel = await text(`${server().url}/schema.json`);
    const proto = await text(`${server().url}/schema.json?names=proto`);
    expect(camel).toContain('"includeInList"');
    expect(proto).toContain('"include_in_list"');
    expect(await text(`${protoNamed().url}/schema.json`)).toBe(proto);
    expect(await text(`${protoNamed().url}/schema.json?names=camel`)).toBe(camel);
  });
});

test("documents need not be sent twice, and need the token where there is one", async () => {
  for (const path of ["/openapi.json", "/schema.json"]) {
    const first = await fetch(`${server().url}${path}`);
    const headers = { "if-none-match": first.headers.get("etag") ?? "" };
    expect((await fetch(`${server().url}${path}`, { headers })).status).toBe(304);
    expect((await fetch(`${guarded().url}${path}`)).status).toBe(401);
  }
});
