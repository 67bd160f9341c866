/** Stage report: one `Outcome`, and its views. */

export { againstClusterText, hasUndocumented, type PlanAgainstCluster } from "./against-cluster.js";
export {
  type Applied,
  type AppliedTarget,
  type AppliedView,
  appliedTarget,
  judgeApplied,
  notApplied,
  notAppliedText,
} from "./applied.js";
export { commitMessage } from "./commit-message.js";
export {
  APPROVE_ANNOTATION,
  type ConnectionContent,
  nextConnection,
  readAnnotations,
  readSwitches,
  SUSPEND_ANNOTATION,
  withoutRefresh,
} from "./compass-connection.js";
export type { ConnectionReport } from "./connection-state.js";
export { withControllersWords } from "./controllers-words.js";
export { diffFiles, type FileChange, type FileDiff } from "./diff.js";
export { certificateEvents, failureEvent, madeAgain, outcomeEvents, type ReportedEvent } from "./events.js";
export { EXIT, exitCode, exitCodeOfFailure } from "./exit-code.js";
export type { KeptCounter } from "./kept-counters.js";
export { createMetrics, type Metrics, type ObservedCycle } from "./metrics.js";
export { planNotes, wrongClock } from "./notes.js";
export { appliedOf, buildOutcome, describeFailure, type Outcome, type OutcomeFailure } from "./outcome.js";
export { requestWords } from "./pull-request.js";
export { isWaitingForPeople, requestText } from "./request.js";
export { decideLabels, type LabelDecision, type LabelState } from "./runtime-labels.js";
export { count, diffText, failureText, named, outcomeText, paint, type TextOptions } from "./terminal.js";
export { createTell, type Tell } from "./told.js";
