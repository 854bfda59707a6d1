//! Passes that cannot go on: what they say, and when they come back.

use super::*;

const WINDOW_OVER: i64 = 15 * 60;

#[test]
fn after_a_refused_write_azure_is_not_asked_again_at_once() {
    for (error, waits) in [
        (StoreError::Refused(String::new()), Some(boot(10))),
        (StoreError::Lost(String::new()), Some(boot(10))),
        (StoreError::Conflict, None),
    ] {
        let run = claimed(vec![attempt(1, S::Unknown)]);
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().refuses = Some(error.clone());

        let result = paper.pass_without_vault(&mut memory);

        assert_eq!(result, Err(error.clone()));
        assert_eq!(memory.refused_until, waits, "{error:?}");
    }
}

#[test]
fn a_run_without_its_vault_comes_back_after_half_a_minute() {
    let paper = paper(a_run());

    let after = paper.pass_without_vault(&mut Memory::default());

    assert_eq!(after, Ok(in_secs(30)));
    assert_eq!(paper.record().note.kind, NoteKind::VaultNotFound);
}

#[test]
fn a_deletion_without_its_vault_says_until_when_it_waits_and_then_goes() {
    let mut run = claimed(vec![attempt(1, S::Unknown)]);
    run.deleting = true;
    let mut memory = memory_of(&run);
    let paper = paper(run);

    paper.pass_without_vault(&mut memory).unwrap();
    let message = paper.record().note.message;
    assert!(
        message.contains("waits until about 2026-01-01T00:16:00Z"),
        "{message}"
    );
    assert!(message.contains("there is no such vault"), "{message}");
    assert_eq!(paper.was_asked("let_go"), 0);

    paper.sheet().second = WINDOW_OVER;
    paper.pass_without_vault(&mut memory).unwrap();
    assert_eq!(paper.was_asked("let_go"), 1);
}

#[test]
fn a_claim_goes_without_its_vault_only_for_a_deletion_and_while_ids_count() {
    for (deleting, matching, goes) in [
        (true, Matching::Proven, 1),
        (true, Matching::Assumed, 1),
        (true, Matching::Broken, 0),
        (false, Matching::Proven, 0),
    ] {
        let mut run = claimed(vec![attempt(1, S::Unknown)]);
        run.deleting = deleting;
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = WINDOW_OVER;
        paper.sheet().matching = matching;

        paper.pass_without_vault(&mut memory).unwrap();

        assert_eq!(paper.was_asked("let_go"), goes, "{deleting} {matching:?}");
    }
}

#[test]
fn a_deletion_goes_past_a_missing_role_and_not_past_what_passes_by_itself() {
    for (kind, goes) in [(RefusalKind::Permission, 1), (RefusalKind::Throttled, 0)] {
        let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
        run.deleting = true;
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = WINDOW_OVER;
        paper.sheet().jobs = Err(trouble(kind));

        paper.pass(&mut memory).unwrap();

        assert_eq!(paper.was_asked("let_go"), goes, "{kind:?}");
    }
}

#[test]
fn a_deletion_that_a_missing_role_holds_up_says_until_when() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    run.deleting = true;
    let mut memory = memory_of(&run);
    let paper = paper(run);
    paper.sheet().jobs = Err(trouble(RefusalKind::Permission));

    let after = paper.pass(&mut memory);

    let message = paper.record().note.message;
    assert!(message.contains("waits until about"), "{message}");
    assert_eq!(after, Ok(in_secs(20)), "as Azure asks");
    assert_eq!(memory.not_before, Some(boot(20)));
}

#[test]
fn a_vm_that_the_vault_does_not_protect_is_asked_for_again_after_45_seconds() {
    let mut run = a_run();
    run.record.point = None;
    let mut memory = Memory::default();
    let paper = paper(run);
    paper.sheet().item = None;

    let after = paper.pass(&mut memory);

    assert_eq!(after, Ok(in_secs(45)));
    assert_eq!(memory.not_before, Some(boot(45)));
    assert_eq!(
        paper.record().note.kind,
        NoteKind::VirtualMachineNotProtected
    );
}

#[test]
fn a_new_run_asks_for_one_list_of_any_age_before_it_chooses() {
    let mut run = a_run();
    run.record.point = None;
    let paper = paper(run);

    paper.pass(&mut Memory::default()).unwrap();

    let any_age: Vec<_> = paper
        .sheet()
        .needs
        .iter()
        .map(|need| need.any_age)
        .collect();
    assert_eq!(any_age, [true]);
    assert_eq!(paper.was_asked("item"), 1);
}

#[test]
fn a_run_whose_job_is_listed_already_chooses_no_point() {
    let mut run = a_run();
    run.record.point = None;
    let paper = paper(run);
    paper.sheet().jobs = Ok(vec![job(1, "j", JobStatus::InProgress, 0)]);

    paper.pass(&mut Memory::default()).unwrap();

    assert_eq!(paper.was_asked("item"), 0);
    assert_eq!(
        paper.record().attempt(1).unwrap().job,
        Some(JobId::new("j"))
    );
}

#[test]
fn a_status_that_cannot_be_understood_rests_unless_a_deletion_waits_for_a_word() {
    for (deleting, standing, after) in [
        (false, true, After::Rest),
        (true, true, in_secs(60)),
        (false, false, After::Rest),
    ] {
        let mut run = match standing {
            true => claimed(vec![attempt(1, S::Unknown)]),
            false => a_run(),
        };
        run.deleting = deleting;
        run.record.unreadable = Some("nonsense".to_owned());
        let paper = paper(run);

        let said = paper.pass(&mut Memory::default());

        assert_eq!(said, Ok(after), "{deleting} {standing}");
        let record = paper.record();
        assert_eq!(
            (record.phase, record.note.kind),
            (Phase::Blocked, NoteKind::StatusUnreadable)
        );
    }
}

/// Two processes whose clocks disagree on the end of the run wrote over each other's words, twice a second (schedules 228819,
/// 959896, 999799).
#[test]
fn a_suspended_run_that_writes_over_the_word_that_its_vault_is_missing_waits_half_a_minute() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    run.control.suspend = true;
    let mut late = memory_of(&run);
    let mut early = memory_of(&run);
    let paper = paper(run);

    paper.pass_without_vault(&mut early).unwrap();
    assert_eq!(early.not_before, None, "its own word");
    paper.sheet().second = 25 * 60 * 60;
    paper.pass_without_vault(&mut late).unwrap();
    assert_eq!(paper.record().note.kind, NoteKind::VaultNotFound);
    paper.sheet().second = 60;

    assert_eq!(paper.pass_without_vault(&mut early), Ok(in_secs(30)));
    assert_eq!(early.not_before, Some(boot(90)));
    assert!(paper.record().note.message.contains("spec.suspend"));
}

#[test]
fn a_suspended_run_comes_back_when_its_time_is_over() {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    run.control.suspend = true;
    run.control.run_timeout = SignedDuration::from_secs(500);
    let mut memory = memory_of(&run);
    let paper = paper(run);
    paper.sheet().second = 60;

    assert_eq!(paper.pass(&mut memory), Ok(in_secs(440)));
    assert!(paper.record().note.message.contains("spec.suspend"));
}
