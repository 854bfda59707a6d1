//! What writes over a VM, or makes one.

use super::*;

fn overwriting(attempts: Vec<Attempt>) -> Run {
    let mut run = claimed(attempts);
    run.intent.target = Target::OriginalLocation {
        storage_account: ArmId::new("a"),
    };
    run.control.start_by = Some(wall(7200));
    run
}

#[test]
fn what_writes_over_a_vm_claims_only_when_it_is_its_turn_and_nobody_else_restores() {
    let mut look = scene(overwriting(vec![]), SECOND, vec![]);
    assert_eq!(decide(&look), Decision::Wait(SignedDuration::from_secs(1)));

    look.turn = Turn::Others("somebody is first".to_owned());
    assert!(is_hold(&decide(&look), NoteKind::ItemBusy));

    look.turn = Turn::Ours;
    assert_eq!(decide(&look), Decision::Claim(1));

    look.matching = Matching::Broken;
    assert!(is_hold(&decide(&look), NoteKind::TriggerOutcomeUnknown));

    for (status, expected) in [
        (J::InProgress, false),
        (J::Cancelling, false),
        (J::Other("New".to_owned()), false),
        (J::Completed, true),
        (J::Failed, true),
    ] {
        let mut other = job(1, "other", status.clone(), SECOND);
        other.job.activity_id = "portal".to_owned();
        let mut look = scene(overwriting(vec![]), SECOND, vec![other]);
        look.turn = Turn::Ours;
        let decision = decide(&look);
        assert_eq!(decision == Decision::Claim(1), expected, "{status:?}");
        assert_eq!(is_hold(&decision, NoteKind::ItemBusy), !expected);

        look.run.intent.target = a_run().intent.target;
        assert_eq!(
            decide(&look),
            Decision::Claim(1),
            "RestoreDisks harms nobody"
        );
    }
}

#[test]
fn what_writes_over_a_vm_is_never_tried_again_by_itself_once_anything_may_have_started() {
    let over = |attempts: Vec<Attempt>, jobs| {
        let mut look = scene(overwriting(attempts), WINDOW_OVER, jobs);
        look.turn = Turn::Ours;
        decide(&look)
    };
    for state in [
        S::Claimed,
        S::Unknown,
        S::JobSought,
        S::NotFound,
        S::Abandoned,
    ] {
        let decision = over(vec![attempt(1, state)], vec![]);
        assert!(is_block(&decision), "{state:?}: {decision:?}");
    }
    let jobs = vec![job(1, "j", J::Failed, WINDOW_OVER)];
    let failed = over(vec![failed(1, "j", TRANSIENT)], jobs);
    assert!(
        matches!(failed, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{failed:?}"
    );
    assert_eq!(
        over(vec![attempt(1, S::NotStarted)], vec![]),
        Decision::Claim(1)
    );

    let mut released = overwriting(vec![attempt(1, S::NotFound)]);
    released.mark = Mark::None;
    let mut look = scene(released, WINDOW_OVER, vec![]);
    look.turn = Turn::Ours;
    assert!(
        matches!(decide(&look), Decision::End(_, _)),
        "{:?}",
        decide(&look)
    );
}

#[test]
fn what_writes_over_a_vm_ends_with_its_failed_job_also_when_a_later_operation_failed() {
    let mut operation = accepted(2, S::OperationFailed);
    operation.error = Some(ErrorText {
        code: TRANSIENT.to_owned(),
        message: String::new(),
    });
    let run = overwriting(vec![failed(1, "j", TRANSIENT), operation]);
    let mut look = scene(run, WINDOW_OVER, vec![job(1, "j", J::Failed, WINDOW_OVER)]);
    look.turn = Turn::Ours;

    let decision = decide(&look);

    assert!(
        matches!(decision, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{decision:?}"
    );
}

#[test]
fn a_retry_of_what_writes_over_a_vm_needs_ids_that_count() {
    let run = says(overwriting(vec![attempt(1, S::Blocked)]), Resolve::Retry);
    let mut look = scene(run, WINDOW_OVER, vec![]);
    look.turn = Turn::Ours;
    assert_eq!(decide(&look), Decision::Claim(2));

    look.matching = Matching::Broken;
    assert!(is_block(&decide(&look)));
}

#[test]
fn a_vm_that_exists_refuses_a_new_run_and_blocks_one_that_may_have_made_it() {
    let vm = ArmId::new("/subscriptions/s/new");
    let exists = |run: Run| when_target_exists(&scene(run, WINDOW_OVER, vec![]).look(), &vm);
    let refused = |decision: &Decision| matches!(decision, Decision::End(End::Failed(Failure::RestoreRefused), why) if why.contains("new"));

    assert!(refused(&exists(a_run())));
    assert!(refused(&exists(claimed(vec![attempt(1, S::NotStarted)]))));
    for state in [S::Unknown, S::Claimed, S::Blocked] {
        assert!(
            is_block(&exists(claimed(vec![attempt(1, state)]))),
            "{state:?}"
        );
    }
    let earlier = || claimed(vec![attempt(1, S::NotFound), attempt(2, S::NotStarted)]);
    assert!(is_block(&exists(earlier())), "attempt 1 may have made it");
    let mut released = earlier();
    released.mark = Mark::None;
    assert!(refused(&exists(released)), "there is no claim to block");
    let left_over = exists(claimed(vec![failed(1, "j", TRANSIENT)]));
    assert!(
        matches!(left_over, Decision::End(End::Failed(Failure::JobFailed), _)),
        "{left_over:?}"
    );
}
