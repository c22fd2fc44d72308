// What CHANGELOG.md says: one section for each version, the newest first, in the form of keepachangelog.com. Pure.

/** One version's section. */
export interface Section {
  /** "1.2.3"; "Unreleased": what is done since the last version. */
  readonly version: string;
  /** "2026-01-31"; absent for what is not released. */
  readonly date?: string;
  /** What stands below the heading, without blank lines around it. */
  readonly text: string;
}

/** @throws {Error} when a heading is none of a version. */
export function readChangelog(document: string): Section[] {
  const [, ...sections] = document.split(/^## /m);
  return sections.map((section) => {
    const [heading = "", ...lines] = section.split("\n");
    const [, version, date] =
      /^\[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(heading) ?? [];
    if (version === undefined || (version === "Unreleased") !== (date === undefined)) {
      throw new Error(
        `CHANGELOG.md: "## ${heading}" is not valid; allowed is "## [1.2.3] - 2026-01-31" or "## [Unreleased]"`,
      );
    }
    return { version, ...(date !== undefined && { date }), text: lines.join("\n").trim() };
  });
}

/**
 * The notes of a release.
 *
 * @param tag "v" and the version.
 * @param version as package.json has it.
 * @throws {Error} when they are not about the same version, or the changelog has nothing about it.
 */
export function releaseNotes(tag: string, version: string, document: string): string {
  if (tag !== `v${version}`) {
    throw new Error(`the tag "${tag}" is not valid; allowed is v${version}, as in package.json`);
  }
  const section = readChangelog(document).find((one) => one.version === version);
  if (section === undefined || section.text === "") {
    throw new Error(
      `CHANGELOG.md says nothing about ${version}; a section "## [${version}] - YYYY-MM-DD" is expected`,
    );
  }
  return `${section.text}\n`;
}
