// What every response tells browsers and proxies, errors included.

/** Nothing that is served is a part of another site, may run anything, be shown in a frame, or be kept. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  // Replaced where there is an ETag.
  "cache-control": "no-store",
};
