//! Claim, one POST, record.

use super::*;

#[test]
fn a_claim_allows_a_send_for_thirty_seconds_on_both_clocks_and_not_after_start_by() {
    for (start_by, ends) in [(None, 30), (Some(1_000), 30), (Some(12), 12)] {
        let mut run = a_run();
        run.control.start_by = start_by.map(wall);
        let paper = paper(run);

        paper.pass(&mut Memory::default()).unwrap();

        let expected = Deadline {
            boot: boot(30),
            wall: wall(ends),
        };
        assert_eq!(paper.sheet().deadlines, [expected]);
        assert!(paper.record().attempt(1).unwrap().accepted);
    }
}

#[test]
fn a_claim_whose_answer_was_lost_is_used_if_it_stands() {
    let asked = paper(a_run());
    asked.sheet().claim_meets = Some(StoreError::Lost(String::new()));
    asked.pass(&mut Memory::default()).unwrap();
    assert_eq!(asked.was_asked("trigger"), 1);

    let lost = paper(a_run());
    lost.sheet().claim_meets = Some(StoreError::Conflict);
    assert_eq!(lost.pass(&mut Memory::default()), Ok(AT_ONCE));
    assert_eq!(lost.was_asked("trigger"), 0);
}

#[test]
fn a_process_that_is_about_to_end_claims_nothing() {
    let paper = paper(a_run());
    paper.sheet().may_claim = false;

    assert_eq!(paper.pass(&mut Memory::default()), Ok(in_secs(1)));
    assert_eq!(paper.was_asked("claim"), 0);
}

#[test]
fn an_outcome_that_cannot_be_written_is_tried_for_seconds_and_then_kept_for_the_next_pass() {
    let paper = paper(a_run());
    paper.sheet().refuses = Some(StoreError::Conflict);
    let mut memory = Memory::default();

    assert_eq!(paper.pass(&mut memory), Err(StoreError::Conflict));
    assert_eq!(paper.sheet().slept, [100, 200, 400, 800, 1600, 3200]);

    paper.sheet().refuses = None;
    paper.pass(&mut memory).unwrap();
    assert!(paper.record().attempt(1).unwrap().accepted);
    assert_eq!(paper.was_asked("trigger"), 1);
}

#[test]
fn an_outcome_of_a_claim_that_stands_no_more_is_dropped() {
    let paper = paper(a_run());
    paper.sheet().refuses = Some(StoreError::Conflict);
    let mut memory = Memory::default();
    paper.pass(&mut memory).unwrap_err();

    paper.sheet().refuses = None;
    paper.sheet().run.mark = Mark::Standing(claim(7));

    assert_eq!(paper.pass(&mut memory), Ok(AT_ONCE));
    assert_eq!(paper.record().attempt(1), None);
}
