//! Looks: which list is asked for, what is compared, and what is done about the decision.

use super::*;

const WINDOW_OVER: i64 = 15 * 60;

#[test]
fn a_look_that_took_longer_than_a_minute_serves_no_claim_that_writes_over_a_vm() {
    for (run, takes, claims) in [
        (overwriting(a_run()), 60, 1),
        (overwriting(a_run()), 61, 0),
        (a_run(), 61, 1),
    ] {
        let overwrites = run.intent.target.overwrites_source();
        let paper = paper(run);
        paper.sheet().listing_takes = takes;

        let after = paper.pass(&mut Memory::default()).unwrap();

        assert_eq!(paper.was_asked("claim"), claims, "{overwrites} {takes}");
        if claims == 0 {
            assert_eq!(after, AT_ONCE);
        }
    }
}

#[test]
fn an_old_look_still_tells_what_is_no_claim() {
    let mut run = overwriting(a_run());
    run.control.suspend = true;
    let paper = paper(run);
    paper.sheet().listing_takes = 100;

    assert_eq!(paper.pass(&mut Memory::default()), Ok(in_secs(40)));
    assert!(paper.record().note.message.contains("spec.suspend"));
}

#[test]
fn a_409_that_no_job_explains_is_tried_again_after_half_a_minute() {
    let run = claimed(vec![attempt(1, S::Conflict)]);
    let mut memory = memory_of(&run);
    let paper = paper(run);

    assert_eq!(paper.pass(&mut memory), Ok(in_secs(30)));
    assert_eq!(memory.not_before, Some(boot(30)));
    assert_eq!(paper.record().attempt(1).unwrap().state, S::NotStarted);
}

#[test]
fn a_deletion_that_a_look_cannot_decide_says_until_when_it_waits() {
    for (deleting, standing, says) in [(true, true, true), (false, true, false)] {
        let mut run = claimed(vec![attempt(1, S::Unknown)]);
        run.deleting = deleting;
        let mut memory = memory_of(&run);
        let paper = paper(run);

        paper.pass(&mut memory).unwrap();

        let message = paper.record().note.message;
        let until = "the deletion waits until about 2026-01-01T00:16:00Z";
        assert_eq!(message.contains(until), says, "{standing}: {message}");
    }
}

#[test]
fn an_outcome_that_is_open_while_broken_is_marked_and_no_other() {
    for (second, matching, marked) in [
        (0, Matching::Broken, true),
        (WINDOW_OVER, Matching::Broken, true),
        (0, Matching::Proven, false),
        (0, Matching::Assumed, false),
    ] {
        let run = claimed(vec![attempt(1, S::Unknown)]);
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = second;
        paper.sheet().matching = matching;

        paper.pass(&mut memory).unwrap();

        let record = paper.record();
        let own = record.attempt(1).unwrap();
        assert_eq!(own.was_open_while_broken(), marked, "{second} {matching:?}");
    }

    let accepted_twice = claimed(vec![accepted(1, S::JobSought)]);
    let mut memory = memory_of(&accepted_twice);
    let blocked = paper(accepted_twice);
    blocked.sheet().second = WINDOW_OVER;
    blocked.sheet().matching = Matching::Proven;
    blocked.pass(&mut memory).unwrap();
    let record = blocked.record();
    assert_eq!(record.phase, Phase::Blocked);
    assert!(!record.attempt(1).unwrap().was_open_while_broken());
}

#[test]
fn a_list_reaches_back_to_what_the_run_may_have_started() {
    let since = |paper: &Paper| paper.sheet().needs[0].since;

    let new = paper(a_run());
    new.pass(&mut Memory::default()).unwrap();
    assert_eq!(since(&new), None);

    let run = claimed(vec![attempt(1, S::Unknown)]);
    let mut memory = memory_of(&run);
    let recorded = paper(run);
    recorded.sheet().second = 300;
    recorded.pass(&mut memory).unwrap();
    assert_eq!(since(&recorded), Some(wall(0)), "when it was claimed");

    // A claim of which nothing is recorded, seen 300 s ago, may be a window older; the full minute serves more looks.
    let mut run = a_run();
    run.mark = Mark::Standing(claim(1));
    let mut memory = memory_of(&run);
    let unrecorded = paper(run);
    unrecorded.sheet().second = 330;
    unrecorded.pass(&mut memory).unwrap();
    assert_eq!(since(&unrecorded), Some(wall(-15 * 60)));
    assert_eq!(unrecorded.sheet().needs[0].begun_after, Some(boot(330)));
}

#[test]
fn the_oldest_job_of_a_run_stays_covered_by_later_looks() {
    let run = claimed(vec![attempt(1, S::Unknown)]);
    let mut memory = memory_of(&run);
    let paper = paper(run);
    let mut failed = job(1, "j", JobStatus::Failed, 0);
    failed.job.started = Some(wall(-500));
    let mut another = job(1, "another", JobStatus::InProgress, 0);
    another.job.activity_id = String::new();
    another.job.started = Some(wall(-900));
    paper.sheet().jobs = Ok(vec![failed, another]);

    paper.pass(&mut memory).unwrap();

    assert_eq!(memory.oldest_job, Some(wall(-500)), "the run's own");
    assert_eq!(memory.listed.get(&JobId::new("j")), Some(&boot(0)));
}

#[test]
fn a_run_that_waits_for_others_restores_sees_them_end() {
    let mut run = overwriting(a_run());
    run.record.item = Some(ItemNames {
        container: "c".to_owned(),
        name: "i".to_owned(),
    });
    let mut other = job(1, "other", JobStatus::InProgress, 0);
    other.job.activity_id = "portal".to_owned();
    other.job.started = Some(wall(-900));
    let paper = paper(run);
    paper.sheet().jobs = Ok(vec![other]);
    let mut memory = Memory::default();

    paper.pass(&mut memory).unwrap();

    assert_eq!(memory.oldest_job, Some(wall(-900)));
}

#[test]
fn an_ended_run_rests_with_a_claim_that_only_a_person_can_take_and_its_deletion_comes_back() {
    for (deleting, after) in [(false, After::Rest), (true, in_secs(300))] {
        let mut run = claimed(vec![with_job(accepted(1, S::Ended), "j")]);
        run.record.end = Some(End::Succeeded);
        run.deleting = deleting;
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = WINDOW_OVER;

        assert_eq!(paper.pass(&mut memory), Ok(after), "{deleting}");
        assert_eq!(paper.was_asked("let_go"), 0);
        let says = paper.record().note.message.contains("waits for a person");
        assert_eq!(says, deleting);
    }
}

#[test]
fn an_ended_run_lets_go_once_its_job_is_shown_for_good() {
    for (shown, second, after, goes) in [(300, 300, After::Rest, 1), (200, 200, in_secs(100), 0)] {
        let mut run = claimed(vec![with_job(accepted(1, S::Ended), "j")]);
        run.record.end = Some(End::Succeeded);
        let jobs = vec![job(1, "j", JobStatus::Completed, shown)];
        let mut memory = scene(run.clone(), 0, jobs.clone()).memory;
        memory.jobs.insert(JobId::new("j"), boot(0));
        let paper = paper(run);
        paper.sheet().second = second;
        paper.sheet().jobs = Ok(jobs);

        assert_eq!(paper.pass(&mut memory), Ok(after), "{second}");
        assert_eq!(paper.was_asked("let_go"), goes);
    }
}

/// The first listing took as long as lists may forget a young job, and Azure showed it just before its end; the next one, begun
/// at once, let the claim go, and an object that was applied again restored once more.
#[test]
fn a_job_counts_as_listed_from_the_end_of_the_listing_that_shows_it_first() {
    let mut run = claimed(vec![with_job(accepted(1, S::Ended), "j")]);
    run.record.end = Some(End::Succeeded);
    run.deleting = true;
    let shown = |second| Ok(vec![job(1, "j", JobStatus::Completed, second)]);
    let mut memory = memory_of(&run);
    let paper = paper(run);
    paper.sheet().listing_takes = 300;
    paper.sheet().jobs = shown(0);

    paper.pass(&mut memory).unwrap();
    paper.sheet().listing_takes = 0;
    paper.sheet().jobs = shown(300);
    memory.not_before = None;
    paper.pass(&mut memory).unwrap();

    assert_eq!(paper.was_asked("jobs"), 2);
    assert_eq!(paper.was_asked("let_go"), 0);
    paper.sheet().second = 600;
    paper.sheet().jobs = shown(600);
    paper.pass(&mut memory).unwrap();
    assert_eq!(paper.was_asked("let_go"), 1);
}

/// What a look learns of ids from a job that runs.
fn learns(change: impl Fn(&mut Run, &mut Vec<SeenJob>)) -> Vec<Matching> {
    let mut run = claimed(vec![with_job(accepted(1, S::Running), "j")]);
    let mut jobs = vec![job(1, "j", JobStatus::InProgress, 0)];
    change(&mut run, &mut jobs);
    let mut memory = memory_of(&run);
    let paper = paper(run);
    paper.sheet().jobs = Ok(jobs);
    paper.pass(&mut memory).unwrap();
    memory.not_before = None;
    paper.pass(&mut memory).unwrap();
    paper.sheet().noted.clone()
}

#[test]
fn a_job_that_is_known_from_its_operation_is_compared_once() {
    assert_eq!(learns(|_, _| {}), [Matching::Proven]);
    assert_eq!(
        learns(|_, jobs| jobs[0].job.activity_id = String::new()),
        [Matching::Broken]
    );
    assert_eq!(learns(|run, _| run.record.attempts[0].operation = None), []);
    assert_eq!(
        learns(|run, _| run.record.attempts[0].state = S::Adopted),
        []
    );
}

#[test]
fn a_job_with_its_id_proves_nothing_about_younger_ones_without() {
    let beside = |started: i64| {
        learns(move |_, jobs| {
            let mut other = job(2, "other", JobStatus::InProgress, 0);
            other.job.activity_id = String::new();
            other.job.started = Some(wall(started));
            jobs.push(other);
        })
    };

    assert_eq!(beside(1), []);
    assert_eq!(beside(0), [Matching::Proven]);
    assert_eq!(beside(-1), [Matching::Proven]);
}

#[test]
fn a_job_that_a_person_names_is_taken_if_it_is_of_the_vm_and_no_other_runs() {
    for (entity, is_anothers, status_is_known, taken) in [
        ("web", false, true, true),
        ("web", false, false, true),
        ("web", true, true, false),
        ("another", false, true, false),
        ("another", true, true, false),
    ] {
        let mut run = claimed(vec![accepted(1, S::Blocked)]);
        run.resolve = Some(Resolve::Adopt(claim(1).id, JobId::new("told")));
        let item = item_of(&run);
        if !status_is_known {
            run.record.item = None;
        }
        let mut memory = memory_of(&run);
        let paper = paper(run);
        let mut told = job(1, "told", JobStatus::InProgress, 0);
        told.job.activity_id = "portal".to_owned();
        told.job.entity = entity.to_owned();
        paper.sheet().jobs = Ok(vec![told]);
        paper.sheet().item = item;
        paper.sheet().job_is_anothers = is_anothers;

        paper.pass(&mut memory).unwrap();

        let state = paper.record().attempt(1).unwrap().state;
        assert_eq!(
            state == S::Adopted,
            taken,
            "{entity} {is_anothers} {status_is_known}"
        );
    }
}

#[test]
fn what_could_destroy_is_blocked_when_its_vault_cannot_be_listed_for_a_window() {
    for (second, kind, blocked) in [
        (WINDOW_OVER, RefusalKind::Unavailable, true),
        (WINDOW_OVER, RefusalKind::Permission, true),
        (WINDOW_OVER - 1, RefusalKind::Unavailable, false),
    ] {
        let run = overwriting(claimed(vec![attempt(1, S::Unknown)]));
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = second;
        paper.sheet().jobs = Err(trouble(kind));

        assert_eq!(paper.pass(&mut memory), Ok(in_secs(20)));

        let is = paper.record().is_blocked_on_a_claim();
        assert_eq!(is, blocked, "{second} {kind:?}");
    }
}

#[test]
fn a_deletion_whose_role_is_gone_goes_before_it_could_block() {
    for (kind, matching, goes) in [
        (RefusalKind::Permission, Matching::Proven, 1),
        (RefusalKind::Permission, Matching::Broken, 0),
        (RefusalKind::Unavailable, Matching::Proven, 0),
    ] {
        let mut run = claimed(vec![attempt(1, S::Unknown)]);
        run.deleting = true;
        let mut memory = memory_of(&run);
        let paper = paper(run);
        paper.sheet().second = WINDOW_OVER;
        paper.sheet().matching = matching;
        paper.sheet().jobs = Err(trouble(kind));

        paper.pass(&mut memory).unwrap();

        assert_eq!(paper.was_asked("let_go"), goes, "{kind:?} {matching:?}");
        assert_eq!(paper.record().is_blocked_on_a_claim(), goes == 0);
    }
}
