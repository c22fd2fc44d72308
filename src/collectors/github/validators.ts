// What GitHub answered before, with the validators to ask whether it still holds. In memory, bounded.

/** One answer that can be asked for conditionally. */
export interface Kept {
  readonly etag: string;
  readonly body: unknown;
  /** Length of the body as it came, in bytes. */
  readonly bytes: number;
  /** Address of the next page. Absent: this was the last one. */
  readonly next?: URL;
}

export interface Validators {
  get(url: string): Kept | undefined;
  set(url: string, kept: Kept): void;
}

/** Everything that is asked about one pull request takes five answers; a few branches back are worth keeping. */
const MAX_COUNT = 100;

/** Of bodies as they came; as objects they take about twice that. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Forgets what was not asked for longest. An answer that is too long by itself is not kept. */
export function createValidators({ maxCount = MAX_COUNT, maxBytes = MAX_BYTES } = {}): Validators {
  const kept = new Map<string, Kept>();
  let bytes = 0;
  const remove = (url: string): void => {
    bytes -= kept.get(url)?.bytes ?? 0;
    kept.delete(url);
  };
  return {
    get: (url) => {
      const found = kept.get(url);
      if (found !== undefined) {
        kept.delete(url);
        kept.set(url, found);
      }
      return found;
    },
    set: (url, entry) => {
      remove(url);
      if (entry.bytes > maxBytes) {
        return;
      }
      kept.set(url, entry);
      bytes += entry.bytes;
      for (const oldest of kept.keys()) {
        if (kept.size <= maxCount && bytes <= maxBytes) {
          break;
        }
        remove(oldest);
      }
    },
  };
}
