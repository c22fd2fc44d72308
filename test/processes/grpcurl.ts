// grpcurl's command line for machines that do not have it, carried out by `buf curl`: what the documents use of it, and nothing else.

import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

// grpcurl takes its flags with one dash.
const args = process.argv.slice(2).map((arg) => (/^-[a-z]{2}/.test(arg) ? `-${arg}` : arg));
const { values, positionals } = parseArgs({
  args,
  allowPositionals: true,
  options: {
    plaintext: { type: "boolean" },
    unix: { type: "boolean" },
    d: { type: "string", short: "d" },
    H: { type: "string", short: "H", multiple: true },
    cacert: { type: "string" },
    "max-time": { type: "string" },
  },
});
const [address = "", verb = "", symbol] = positionals;
const base = values.unix ? "http://localhost" : `${values.plaintext ? "http" : "https"}://${address}`;
const connection = [
  "curl",
  "--protocol=grpc",
  ...(values.plaintext || values.unix ? ["--http2-prior-knowledge"] : []),
  ...(values.unix ? [`--unix-socket=${address}`] : []),
  ...(values.cacert === undefined ? [] : [`--cacert=${values.cacert}`]),
  ...(values.H ?? []).map((header) => `--header=${header}`),
];

function buf(...rest: readonly string[]): string {
  const timeout = Number(values["max-time"] ?? 0) * 1_000;
  const stdio = ["ignore", verb.includes("/") ? "inherit" : "pipe", "inherit"] as const;
  const { status, stdout } = spawnSync("buf", [...connection, ...rest], {
    stdio: [...stdio],
    encoding: "utf8",
    timeout,
  });
  if (status !== 0) {
    process.exit(status ?? 68);
  }
  return stdout ?? "";
}

switch (verb) {
  case "list":
    process.stdout.write(buf("--list-services", base));
    break;
  case "describe": {
    const methods = buf("--list-methods", base)
      .split("\n")
      .filter((method) => method.startsWith(`${symbol}/`));
    process.stdout.write(`${symbol} is a service:\n${methods.join("\n")}\n`);
    process.exitCode = methods.length > 0 ? 0 : 1;
    break;
  }
  default:
    buf(...(values.d === undefined ? [] : [`--data=${values.d}`]), `${base}/${verb}`);
}
