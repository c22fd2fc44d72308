// What clients may ask for, or send: gzip and Brotli.

import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli as slowBrotli } from "@connectrpc/connect-node";
import { COMPRESSION } from "../metadata/limits.ts";

export { compressionGzip } from "@connectrpc/connect-node";

const compress = promisify(brotliCompress);

/** As the library has it, but for the quality, which it does not let us set. */
export const compressionBrotli: Compression = {
  ...slowBrotli,
  compress: async (bytes) => {
    const params = { [constants.BROTLI_PARAM_QUALITY]: COMPRESSION.brotliQuality };
    return new Uint8Array(await compress(bytes, { params }));
  },
};
