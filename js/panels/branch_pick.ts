/** Picking a branch, stepping from one to the next, leaving; and the forks that are being made. */
import { type Fork, forkNamed, stepToCompare } from "../core/branches.ts";
import { Job } from "../host/job.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";

export interface Picked {
  fork: Fork;
  member: number;
}

/** The branch that is compared; null while there is none, or it is of another trajectory. */
export function pickedIn(session: Session, { study, trajectory }: Scene): Picked | null {
  const fork = forkNamed(study, session.model.get("branch") ?? "");
  if (!fork || fork.trajectory !== trajectory) return null;
  const member = Math.min(session.model.get("branch_member") ?? 0, fork.taken.length - 1);
  return { fork, member };
}

export function pick(session: Session, fork: Fork, member: number): void {
  const { model } = session;
  session.set("branch", fork.name);
  session.set("branch_member", member);
  const step = model.get("trajectory") === fork.trajectory ? model.get("step") : -1;
  const to = stepToCompare(fork, member, step);
  if (model.get("trajectory") !== fork.trajectory) session.goToTrajectory(fork.trajectory, to);
  else if (to !== step) session.goTo(to);
}

export function leave(session: Session): void {
  session.set("branch", "");
  session.set("branch_member", 0);
}

/** The branch whose line is so many below (or above) that of `member`. */
export function neighbour(fork: Fork, member: number, by: number): number {
  return Math.max(0, Math.min(fork.taken.length - 1, member + by));
}

const jobs = new WeakMap<Session, Job>();

/** The fork that a view's session is making: it goes on while the menu is shut. */
export function forking(session: Session): Job {
  const job = jobs.get(session) ?? new Job(session);
  jobs.set(session, job);
  return job;
}
