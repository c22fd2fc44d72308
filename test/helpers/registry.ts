// A registry of npm packages on this machine: it has the packages that it is given, and no others.

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Packed, pack, readManifest } from "./package.ts";

export interface Registry {
  /** "http://127.0.0.1:port/". */
  readonly url: string;
  /** Names of the packages that were fetched, each once. */
  readonly fetched: ReadonlySet<string>;
  close(): Promise<void>;
}

/**
 * @param folders one for each package, with all that is to be published.
 * @param scratch an empty directory, which must last as long as the registry.
 */
export async function openRegistry(folders: readonly string[], scratch: string): Promise<Registry> {
  const packed = await pack(folders, scratch);
  const byName = new Map(packed.map((one, index) => [one.name, { ...one, folder: folders[index] ?? "" }]));
  const byFile = new Map(packed.map((one) => [`/${one.filename}`, one]));
  const fetched = new Set<string>();
  const server = createServer(({ url = "/" }, response) => {
    const path = decodeURIComponent(url);
    const tarball = byFile.get(path);
    const described = byName.get(path.slice(1));
    if (tarball !== undefined) {
      fetched.add(tarball.name);
      createReadStream(join(scratch, tarball.filename)).pipe(response);
    } else if (described !== undefined) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(describe(described, origin())));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url: origin(),
    fetched,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a registry says about a package: all its versions, here one. */
function describe(
  { name, version, filename, integrity, folder }: Packed & { folder: string },
  origin: string,
) {
  const dist = { tarball: `${origin}${filename}`, integrity };
  return {
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...readManifest(folder), dist } },
  };
}
