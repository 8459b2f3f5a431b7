/**
 * The order of the test files: what mostly waits comes first, what only computes comes last.
 *
 * Vitest works the list off with a few files at a time, so a long file at its end would leave the other cores idle; short
 * files at the end fill them evenly. This decides the order only: no file may depend on it.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** From the most patient to the quickest; a project that is not named comes before all. */
const PROJECTS = ["crowd", "process", "browser", "origin", "upstash", "invariants", "worker", "client", "unit"];

export class PatientFirst extends BaseSequencer {
  /** Within a project as vitest does it: the longest of the last run first; the largest where there was none. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's, which returns a new list
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => PROJECTS.indexOf(a.project.name) - PROJECTS.indexOf(b.project.name));
  }
}
