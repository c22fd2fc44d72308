// One question to GitHub, the pull request of one head, asked round after round: what has been found so far, and what the next round asks.

import { CollectError } from "../collector.ts";
import type { GitHubApi } from "./api.ts";
import { type Pull, type PullDetails, readDetails, readPulls, readRepository } from "./bodies.ts";
import type { Choice } from "./choose.ts";
import { isBeingComputed } from "./mergeable.ts";
import {
  type Asking,
  askParts,
  dueTimes,
  entryDueMs,
  isOfOnePart,
  isSamePull,
  type Parts,
  partsOf,
  repositoryOf,
  withDetails,
} from "./parts.ts";
import { fullName, type Repository, repositoryKey } from "./remote-url.ts";
import type { Lookup } from "./resolve.ts";
import { type Asked, backoffMs, dueMs, entryPeriodMs, isListDue, otherDueMs } from "./schedule.ts";
import { nextStep, type RepositoryAnswer, type Target } from "./target.ts";
import { isOpen } from "./tree.ts";

/** What is known. Immutable: a round that finds something makes another one. */
export interface Found {
  readonly target: Target;
  /** What the bases list for the head. */
  readonly listed: readonly Pull[];
  /** False when there are more than that. */
  readonly isComplete: boolean;
  /** When the entry of the pull request was asked for: the list, or the details, which tell the same of one that is open. */
  readonly entryAsked: Asked;
  readonly listAsked: Asked;
  /** Of the pull request that was chosen. Absent when there was none. */
  readonly parts?: Parts;
  /** The last round in which GitHub answered. */
  readonly confirmed: Asked;
}

/** What a round is given. */
export interface Round {
  readonly asked: Asked;
  /** The list is to be asked for, even if it was a moment ago. */
  readonly isHurried: boolean;
  /** Chooses, and finds out for that what the local repository knows. */
  readonly settle: (found: Pick<Found, "listed" | "target">) => Promise<Choice<Pull>>;
  /** Something is known for the first time, and more will be at the end of the round. */
  readonly onFirstFound: () => void;
  readonly signal: AbortSignal;
}

/** An entry that is fresh. */
interface Entry extends Pick<Found, "listed" | "isComplete" | "listAsked"> {
  /** Absent when the list was asked for. */
  readonly details?: PullDetails;
}

/** How long it counts what a repository is: whether it is a fork, how it is called. */
const REPOSITORY_MS = 6 * 60 * 60_000;
/** How long it counts that one cannot be seen. */
const INVISIBLE_MS = 30 * 60_000;
/** What is due so soon is asked in this round already. */
const SOON_MS = 1_000;
/** So often a head that moved while it was asked about is followed in one round. */
const MOST_MOVES = 2;

export class Inquiry {
  readonly lookup: Lookup;
  readonly #api: GitHubApi;
  readonly #repositories = new Map<
    string,
    { readonly answer: RepositoryAnswer | "not_visible"; readonly asked: Asked }
  >();
  #strangers: ReadonlySet<string> = new Set();
  #notVisible: CollectError | undefined;
  #found: Found | undefined;
  #failures: { readonly count: number; readonly last: Asked } | undefined;

  constructor(api: GitHubApi, lookup: Lookup) {
    this.#api = api;
    this.lookup = lookup;
  }

  /** Undefined before the first round that succeeded. */
  get found(): Found | undefined {
    return this.#found;
  }

  /** When the next round is due, on the monotonic clock. In the past: it is. */
  get dueMs(): number {
    if (this.#failures !== undefined) {
      return dueMs(this.#failures.last, backoffMs(this.#failures.count));
    }
    if (this.#found === undefined) return Number.NEGATIVE_INFINITY;
    const { entry, parts } = dueRounds(this.#found);
    return Math.min(entry, parts);
  }

  /** What was refused may be allowed now. */
  forgetFailures(): void {
    this.#failures = undefined;
    this.#forgetInvisible();
  }

  /**
   * Asks what is due. A part that fails becomes a problem of that part.
   *
   * @throws {CollectError} when the list cannot be had, or when nothing more can be asked; what could be found out before is kept.
   */
  async ask(round: Round): Promise<void> {
    try {
      await this.#ask(round);
      this.#failures = undefined;
    } catch (error) {
      if (!round.signal.aborted) {
        const reason = error instanceof CollectError ? error.reason : undefined;
        if (reason === "NOT_FOUND_OR_NO_ACCESS") this.#repositories.clear();
        this.#failures = { count: (this.#failures?.count ?? 0) + 1, last: round.asked };
      }
      throw error;
    }
  }

  async #ask(round: Round): Promise<void> {
    const { asked, settle, signal } = round;
    const asking: Asking = { api: this.#api, asked, signal };
    const before = this.#found;
    let target = await this.#findTarget(asking);
    const entry = await this.#askEntry(target, before, round);
    if (entry !== undefined && this.#hasStrangers(entry.listed, target)) {
      this.#repositories.clear();
      target = await this.#findTarget(asking);
    }
    const { listed = [], isComplete = true, listAsked = asked } = entry ?? before ?? {};
    const entryAsked = entry === undefined && before !== undefined ? before.entryAsked : asked;
    let found: Found = { target, listed, isComplete, entryAsked, listAsked, confirmed: asked };
    let parts = before?.parts;
    if (before === undefined) {
      this.#found = found;
      round.onFirstFound();
    }
    try {
      for (let moves = 0; moves <= MOST_MOVES; moves += 1) {
        const { pull } = await settle(found);
        if (pull === undefined) {
          parts = undefined;
          break;
        }
        parts = partsOf(pull, parts);
        if (entry?.details !== undefined && isSamePull(entry.details, pull) && moves === 0) {
          parts = withDetails(parts, entry.details, asked);
        }
        const answer = await askParts(parts, found.entryAsked, asking);
        parts = answer.parts;
        if (answer.failure !== undefined) throw answer.failure;
        const newer = newest(pull, parts.details?.value);
        if (newer === pull) break;
        found = { ...found, listed: found.listed.map((other) => (other === pull ? newer : other)) };
      }
    } finally {
      this.#found = parts === undefined ? found : { ...found, parts };
    }
  }

  /** Which repositories to ask, found out once and rarely again. */
  async #findTarget(asking: Asking): Promise<Target> {
    for (;;) {
      const step = nextStep(this.lookup, (repository) => this.#answerFor(repository, asking.asked));
      if (step.step === "target") return step;
      if (step.step === "none_visible") {
        const error = this.#notVisible;
        this.#forgetInvisible();
        throw error ?? new CollectError("NOT_FOUND_OR_NO_ACCESS", "no repository can be seen");
      }
      await this.#askRepository(step.repository, asking);
    }
  }

  /**
   * Whether the list names repositories that were not heard of when it was last asked what they are: one may have been renamed or
   * transferred. Others may be other forks of the same owner.
   */
  #hasStrangers(listed: readonly Pull[], { bases, head }: Target): boolean {
    const named = listed.flatMap(({ base, head: { repo } }) => [base.repo, repo ?? base.repo]);
    const expected = new Set([...bases, head.repository].map((repository) => nameOf(fullName(repository))));
    const names = named.map(({ full_name }) => nameOf(full_name)).filter((name) => !expected.has(name));
    const strangers = new Set(names);
    const isNews = names.some((name) => !this.#strangers.has(name));
    this.#strangers = strangers;
    return isNews;
  }

  #answerFor(repository: Repository, { monotonicMs }: Asked): RepositoryAnswer | "not_visible" | undefined {
    const known = this.#repositories.get(repositoryKey(repository));
    const periodMs = known?.answer === "not_visible" ? INVISIBLE_MS : REPOSITORY_MS;
    return known && dueMs(known.asked, periodMs) > monotonicMs ? known.answer : undefined;
  }

  async #askRepository(repository: Repository, { api, asked, signal }: Asking): Promise<void> {
    const { owner, name } = repository;
    let answer: RepositoryAnswer | "not_visible" = "not_visible";
    try {
      const { pages } = await api.get("GET /repos/{owner}/{repo}", { owner, repo: name }, signal);
      answer = readRepository(pages);
    } catch (error) {
      if (!(error instanceof CollectError) || error.reason !== "NOT_FOUND_OR_NO_ACCESS") throw error;
      this.#notVisible = error;
    }
    this.#repositories.set(repositoryKey(repository), { answer, asked });
  }

  #forgetInvisible(): void {
    for (const [key, { answer }] of this.#repositories) {
      if (answer === "not_visible") this.#repositories.delete(key);
    }
  }

  /**
   * The entry of the pull request, if it is due. While that is open, its details tell more than the list does, but for whether there is
   * another one: the list is asked for beside them at times. After a push, which changes both, that costs one point and not two.
   */
  async #askEntry(target: Target, before: Found | undefined, round: Round): Promise<Entry | undefined> {
    const { asked, isHurried } = round;
    if (before !== undefined && !isHurried && !isEntryDue(before, asked.monotonicMs)) return undefined;
    if (target.head.kind === "number") {
      const [{ owner, name }] = target.bases;
      const details = await this.#askDetails({ owner, repo: name }, target.head.number, round);
      return { listed: [details], isComplete: true, listAsked: asked, details };
    }
    const parts = before?.parts;
    const isKnown = parts !== undefined && isOpen(parts.pull) && parts.details?.problem === undefined;
    if (before && isKnown) {
      const details = await this.#askDetailsInstead(parts.pull, round);
      if (details !== undefined && isOpen(details)) {
        const list = isListDue(before.listAsked, asked.monotonicMs)
          ? await this.#askLists(target, target.head, round)
          : before;
        const { isComplete, listAsked } = list;
        // Its repository may have been renamed since it was listed.
        const isAsked = (pull: Pull) => [details, parts.pull].some((each) => isSamePull(each, pull));
        const listed = list.listed.map((pull) => (isAsked(pull) ? details : pull));
        return { listed, isComplete, listAsked, details };
      }
    }
    return await this.#askLists(target, target.head, round);
  }

  async #askDetails(
    repository: ReturnType<typeof repositoryOf>,
    number: number,
    { signal }: Round,
  ): Promise<PullDetails> {
    const route = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
    const { pages } = await this.#api.get(route, { ...repository, pull_number: number }, signal);
    return readDetails(pages);
  }

  /** Undefined when they alone could not be had, and the list may. */
  async #askDetailsInstead(pull: Pull, round: Round): Promise<PullDetails | undefined> {
    try {
      return await this.#askDetails(repositoryOf(pull), pull.number, round);
    } catch (error) {
      if (!isOfOnePart(error, round.signal)) throw error;
      return undefined;
    }
  }

  async #askLists(target: Target, head: BranchHead, round: Round): Promise<Entry> {
    const listed: Pull[] = [];
    let isAllComplete = true;
    for (const { owner, name } of target.bases) {
      const { pages, isComplete } = await this.#api.get(
        "GET /repos/{owner}/{repo}/pulls",
        {
          owner,
          repo: name,
          head: `${head.repository.owner}:${head.branch}`,
          state: "all",
          sort: "created",
          direction: "desc",
          per_page: 100,
        },
        round.signal,
      );
      listed.push(...readPulls(pages).map((pull) => newest(pull, this.#found?.parts?.details?.value)));
      isAllComplete &&= isComplete;
      const { pull } = await round.settle({ listed, target });
      if (pull !== undefined && isOpen(pull)) break;
    }
    return { listed, isComplete: isAllComplete, listAsked: round.asked };
  }
}

type BranchHead = Extract<Target["head"], { readonly kind: "branch" }>;

/** Equal for the same repository. */
function nameOf(name: string): string {
  return name.toLowerCase();
}

/** What was asked for alone may be newer than the list, and the other way round. */
function newest(pull: Pull, details: PullDetails | undefined): Pull {
  if (details === undefined || !isSamePull(details, pull)) return pull;
  return Date.parse(details.updated_at) > Date.parse(pull.updated_at) ? details : pull;
}

/** When which question calls for a round of its own. */
function dueRounds({ entryAsked, parts }: Found) {
  if (parts === undefined) {
    return { entry: dueMs(entryAsked, entryPeriodMs("none")), parts: Number.POSITIVE_INFINITY };
  }
  const entry = isOpen(parts.pull) ? entryDueMs(parts, entryAsked) : dueMs(entryAsked, entryPeriodMs("over"));
  const { details, reviews, runs, statuses } = dueTimes(parts, entryAsked);
  const { mergeability } = parts;
  const isUrgent =
    parts.details?.problem !== undefined || (mergeability !== undefined && isBeingComputed(mergeability));
  const part = Math.min(isUrgent ? details : Number.POSITIVE_INFINITY, reviews, runs, statuses);
  return { entry, parts: Math.max(part, otherDueMs(entryAsked)) };
}

/** A round in which nothing else is due asks for the entry, even if it comes early. */
function isEntryDue(found: Found, nowMs: number): boolean {
  const due = dueRounds(found);
  return due.entry <= nowMs + SOON_MS || due.parts > nowMs;
}
