//! Notices a job of which nothing changes for long, and says so. It is followed on: that Azure shows nothing new is no end.

use super::facts::{JobDetail, Now};
use super::record::{Memory, Note, NoteKind, Record};

/// After how many hours without any change a job is said to be stalled.
///
/// Six: Microsoft asks to look into restores that take longer (CONTRACT 14), and many show 1 % to the end (recorded: for 62
/// minutes and more).
pub const STALLED_AFTER_HOURS: i64 = 6;

/// A job as this process has seen it since it changed last. Whole hours are exact enough for what is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Stillness {
    /// What does not change.
    job: JobDetail,
    /// The full hour after it was first seen so, on the boot-time clock.
    since_hour: i64,
    /// The full hour before it was last seen so.
    seen_hour: i64,
    /// Whether this process has ever seen it change.
    moved: bool,
}

/// Notes what a single read of the job showed.
pub fn see(memory: &mut Memory, job: &JobDetail, now: Now) {
    // Times pass by themselves.
    let job = JobDetail {
        duration: None,
        estimated_remaining: None,
        ..job.clone()
    };
    let hour = now.boot.as_hours();
    match &mut memory.stillness {
        Some(still) if still.job == job => still.seen_hour = hour,
        known => {
            let same_job = |still: &Stillness| still.job.summary.id == job.summary.id;
            *known = Some(Stillness {
                moved: known.as_ref().is_some_and(same_job),
                since_hour: hour + 1,
                seen_hour: hour,
                job,
            });
        }
    }
}

/// Says of a job that runs that it may be stalled. `before` is what was said until now: another process may have seen the
/// job stand still for longer than this one has run.
pub fn tell(record: &mut Record, before: &Note, memory: &Memory) {
    let Some(still) = &memory.stillness else {
        return;
    };
    if record.note.kind != NoteKind::JobRunning || record.end.is_some() {
        return;
    }
    let long = still.seen_hour - still.since_hour >= STALLED_AFTER_HOURS;
    let told = before.kind == NoteKind::JobStalled && !still.moved;
    if !long && !told {
        return;
    }
    let job = &still.job;
    let progress = record
        .job
        .as_ref()
        .and_then(|job| job.progress_percent)
        .map_or_else(String::new, |percent| format!(" at {percent} %"));
    record.note = Note {
        kind: NoteKind::JobStalled,
        message: format!(
            "job {} is {}{progress}, and nothing of it has changed for {STALLED_AFTER_HOURS} hours or more: it may be stalled. It has not failed and is still followed; look at it in the portal, and cancel it there if it does not go on",
            job.summary.id,
            job.summary.status.as_str()
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::super::facts::JobStatus;
    use super::super::fixtures::*;
    use super::super::record::AttemptState;
    use super::*;

    fn read(percent: u8) -> JobDetail {
        JobDetail {
            progress_percent: Some(percent),
            ..JobDetail::from_list(job(1, "j", JobStatus::InProgress, 0).job, None)
        }
    }

    /// What is said after reads at these minutes, each with its percentage.
    fn said(before: NoteKind, reads: &[(i64, u8)]) -> Record {
        let mut record = claimed(vec![with_job(accepted(1, AttemptState::Running), "j")]).record;
        let mut memory = Memory::default();
        let mut note = Note {
            kind: before,
            message: String::new(),
        };
        for (minute, percent) in reads {
            let mut job = read(*percent);
            job.duration = Some(mins(*minute));
            let now = at(minute * 60);
            see(&mut memory, &job, now);
            super::super::following::job_read(&mut record, job, now);
            tell(&mut record, &note, &memory);
            note = record.note.clone();
        }
        record
    }

    #[test]
    fn a_job_without_change_is_stalled_after_six_hours_and_not_before() {
        assert_eq!(
            said(NoteKind::JobRunning, &[(0, 1), (300, 1), (400, 1)])
                .note
                .kind,
            NoteKind::JobRunning
        );

        let stalled = said(NoteKind::JobRunning, &[(0, 1), (421, 1)]);

        assert_eq!(stalled.note.kind, NoteKind::JobStalled);
        assert!(
            stalled
                .note
                .message
                .starts_with("job j is InProgress at 1 %, and nothing"),
            "{}",
            stalled.note.message
        );
        assert_eq!(stalled.end, None);
    }

    #[test]
    fn any_change_begins_anew_also_a_percentage_that_falls() {
        let moves = said(NoteKind::JobRunning, &[(0, 50), (400, 40), (700, 40)]);
        assert_eq!(moves.note.kind, NoteKind::JobRunning);

        let goes_on = said(NoteKind::JobRunning, &[(0, 1), (500, 1), (510, 2)]);
        assert_eq!(goes_on.note.kind, NoteKind::JobRunning);
    }

    #[test]
    fn another_process_goes_on_saying_so_until_it_sees_a_change() {
        assert_eq!(
            said(NoteKind::JobStalled, &[(0, 1), (10, 1)]).note.kind,
            NoteKind::JobStalled
        );
        assert_eq!(
            said(NoteKind::JobStalled, &[(0, 1), (10, 2)]).note.kind,
            NoteKind::JobRunning
        );
    }

    #[test]
    fn an_end_is_never_said_to_stand_still() {
        let mut record = claimed(vec![with_job(accepted(1, AttemptState::Running), "j")]).record;
        let mut memory = Memory::default();
        see(&mut memory, &read(1), at(0));
        see(&mut memory, &read(1), at(60_000));
        record.end = Some(super::super::record::End::Succeeded);
        record.note.kind = NoteKind::JobRunning;
        let before = record.note.clone();

        tell(&mut record, &before, &memory);

        assert_eq!(record.note, before);
    }
}
