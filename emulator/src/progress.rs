//! What a job looks like at an instant. Pure: the recorded series, stretched to the scenario's duration.

use jiff::{SignedDuration, Timestamp};

use crate::scenario::{Leaves, Outcome, ProgressSeries};
use crate::world::{Restore, add};

/// A job at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct JobState {
    pub status: &'static str,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub percent: Option<f64>,
    pub remaining: Option<SignedDuration>,
    pub tasks: Vec<Task>,
    /// The transfer has come so far that restored disks exist.
    pub disks_exist: bool,
    /// The new VM exists, or the disks of the source VM are replaced.
    pub machine_exists: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub name: &'static str,
    pub status: &'static str,
    pub details: Option<String>,
}

impl JobState {
    /// Whether the restore has brought back what it should: then the result keys are there.
    pub fn has_results(&self) -> bool {
        matches!(self.status, "Completed" | "CompletedWithWarnings")
    }
}

/// One stretch of a series: from which part of the job's time on, what it says.
struct Step {
    from: f64,
    percent: f64,
    /// Part of the data that the task claims to have transferred; none = it says nothing.
    moved: Option<f64>,
    transferred: bool,
}

const fn step(from: f64, percent: f64, moved: Option<f64>, transferred: bool) -> Step {
    Step {
        from,
        percent,
        moved,
        transferred,
    }
}

/// Recordings s09 (1, 50, 94) and s03 (99 with the transfer completed).
const STEPS: &[Step] = &[
    step(0.0, 1.0, None, false),
    step(0.2, 50.0, Some(0.5), false),
    step(0.45, 94.0, Some(0.9415), false),
    step(0.8, 99.0, Some(1.0), true),
];
/// Recordings s11 and s12: nothing moves until the end, and the task is completed before the job.
const JUMP: &[Step] = &[step(0.0, 1.0, None, false), step(0.9, 1.0, None, true)];
/// Recorded falls: 1 to 0, and 91.6 to 89.4.
const DOWN: &[Step] = &[
    step(0.0, 1.0, None, false),
    step(0.15, 0.0, None, false),
    step(0.3, 50.0, Some(0.5), false),
    step(0.5, 91.6, Some(0.916), false),
    step(0.7, 89.4, Some(0.894), false),
];

/// The job of a restore at `now`; none while its operation has not created it.
pub fn job_at(restore: &Restore, now: Timestamp) -> Option<JobState> {
    if !restore.has_job(now) {
        return None;
    }
    let behaviour = &restore.behaviour;
    let started = restore.job_start();
    let transfers = restore.transfer_start();
    let natural_end =
        (behaviour.outcome != Outcome::Hang).then(|| add(transfers, behaviour.duration));
    let cancelled = restore.cancels.first().map(|cancel| cancel.at);
    let (status, ended) = match (cancelled, natural_end) {
        (Some(at), _) if now >= add(at, restore.cancel_takes) => {
            ("Cancelled", Some(add(at, restore.cancel_takes)))
        }
        (Some(_), _) => ("Cancelling", None),
        (None, Some(end)) if now >= end => (name_of(behaviour.outcome), Some(end)),
        _ => ("InProgress", None),
    };
    let share = share(now.duration_since(transfers), behaviour.duration);
    let until = ended.unwrap_or(now);
    let share_then = share_at(restore, until);
    let reached = series(behaviour.progress, share_then);
    let left = leaves(restore, status, share_then, reached);
    Some(JobState {
        status,
        started,
        ended,
        percent: percent(status, reached),
        remaining: remaining(status, reached, share, behaviour.duration),
        tasks: tasks(restore, status, reached, left),
        disks_exist: left != Leaves::Nothing,
        machine_exists: left == Leaves::Everything,
    })
}

/// What is there. Disks appear long before the job ends (CONTRACT 8); a VM is made of them once all data is there.
fn leaves(restore: &Restore, status: &str, share: f64, reached: &Step) -> Leaves {
    let chosen = restore.behaviour.leaves;
    let halfway = if share >= 0.5 {
        Leaves::Disks
    } else {
        Leaves::Nothing
    };
    match status {
        "Completed" => Leaves::Everything,
        // The disks are there; the VM could not be made, or its disks could not be replaced.
        "CompletedWithWarnings" => chosen.unwrap_or(Leaves::Disks),
        "Failed" => chosen.unwrap_or(Leaves::Nothing),
        "Cancelled" => chosen.unwrap_or(halfway),
        // A VM whose disks are replaced is changed at the very end.
        _ if reached.transferred && restore.request.is("AlternateLocation") => {
            if chosen.is_some_and(|left| left != Leaves::Everything) {
                Leaves::Disks
            } else {
                Leaves::Everything
            }
        }
        _ => halfway,
    }
}

fn name_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "Completed",
        Outcome::CompletedWithWarnings => "CompletedWithWarnings",
        Outcome::Failed => "Failed",
        Outcome::Cancelled => "Cancelled",
        Outcome::Hang => "InProgress",
    }
}

fn share_at(restore: &Restore, at: Timestamp) -> f64 {
    share(
        at.duration_since(restore.transfer_start()),
        restore.behaviour.duration,
    )
}

fn share(elapsed: SignedDuration, whole: SignedDuration) -> f64 {
    if whole.is_positive() {
        (elapsed.as_secs_f64() / whole.as_secs_f64()).max(0.0)
    } else {
        1.0
    }
}

fn series(progress: ProgressSeries, share: f64) -> &'static Step {
    let steps = match progress {
        ProgressSeries::Steps => STEPS,
        ProgressSeries::Jump => JUMP,
        ProgressSeries::Down => DOWN,
    };
    steps
        .iter()
        .rev()
        .find(|step| share >= step.from)
        .unwrap_or(&steps[0])
}

fn percent(status: &str, reached: &Step) -> Option<f64> {
    match status {
        "Completed" | "CompletedWithWarnings" => Some(100.0),
        // Recorded (s09): a failed job has no percentage.
        "Failed" | "Cancelled" => None,
        _ => Some(reached.percent),
    }
}

fn remaining(
    status: &str,
    reached: &Step,
    share: f64,
    whole: SignedDuration,
) -> Option<SignedDuration> {
    match status {
        "InProgress" => reached
            .moved
            .map(|_| SignedDuration::from_secs_f64(whole.as_secs_f64() * (1.0 - share).max(0.0))),
        "Cancelling" => None,
        _ => Some(SignedDuration::ZERO),
    }
}

fn tasks(restore: &Restore, status: &'static str, reached: &Step, left: Leaves) -> Vec<Task> {
    let second = match restore.request.recovery_type.as_str() {
        "AlternateLocation" => Some("Create the restored virtual machine"),
        "OriginalLocation" => Some("Update the virtual machine"),
        _ => None,
    };
    let well = matches!(status, "Completed" | "CompletedWithWarnings");
    let moved = if well { Some(1.0) } else { reached.moved };
    let transfer = match status {
        _ if well || reached.transferred => "Completed",
        "Failed" => "Failed",
        "Cancelled" => "Cancelled",
        _ => "InProgress",
    };
    let mut tasks = vec![Task {
        name: "Transfer data from vault",
        // A job that fails after its transfer still shows a failed task where there is no other.
        status: if status == "Failed" && second.is_none() {
            "Failed"
        } else {
            transfer
        },
        details: moved
            .filter(|_| restore.behaviour.progress != ProgressSeries::Jump || well)
            .map(|part| {
                let size = restore.behaviour.size_gb;
                format!(
                    "{} GBs / {} GBs Transferred",
                    gigabytes(size * part),
                    gigabytes(size)
                )
            }),
    }];
    if let Some(name) = second {
        let status = match (status, reached.transferred) {
            _ if well && left == Leaves::Everything => "Completed",
            _ if well => "Failed",
            ("Failed", true) => "Failed",
            ("InProgress", true) => "InProgress",
            _ => "NotStarted",
        };
        tasks.push(Task {
            name,
            status,
            details: None,
        });
    }
    tasks
}

fn gigabytes(size: f64) -> String {
    let text = format!("{size:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
