//! Words that are read from Azure or from status and written back, and what an attempt's entry begins with.

use super::entries::{attempt_of, phase_of};
use super::facts::{JobStatus, OperationStatus};
use super::fixtures::{attempt, key};
use super::record::{AttemptState, Phase, Record};

#[test]
fn every_state_of_an_attempt_has_a_word_of_its_own() {
    for state in AttemptState::ALL {
        assert_eq!(state.as_str(), format!("{state:?}"));
    }
}

#[test]
fn statuses_of_operations_and_jobs_are_read_in_any_letter_case_and_keep_unknown_words() {
    use OperationStatus as O;
    for (word, expected) in [
        ("InProgress", O::InProgress),
        ("Succeeded", O::Succeeded),
        ("Failed", O::Failed),
        ("Canceled", O::Canceled),
        ("Paused", O::Other("Paused".to_owned())),
    ] {
        assert_eq!(O::parse(word), expected);
        assert_eq!(expected.as_str(), word);
        if !matches!(expected, O::Other(_)) {
            assert_eq!(O::parse(&word.to_uppercase()), expected);
        }
    }
    assert_eq!(O::parse("Cancelled"), O::Canceled);

    use JobStatus as J;
    for (word, expected, is_over) in [
        ("InProgress", J::InProgress, false),
        ("Cancelling", J::Cancelling, false),
        ("Completed", J::Completed, true),
        ("CompletedWithWarnings", J::CompletedWithWarnings, true),
        ("Failed", J::Failed, true),
        ("Cancelled", J::Cancelled, true),
        ("Paused", J::Other("Paused".to_owned()), false),
    ] {
        assert_eq!(J::parse(word), expected);
        assert_eq!(expected.as_str(), word);
        assert_eq!(expected.is_terminal(), is_over, "{word}");
        if !matches!(expected, J::Other(_)) {
            assert_eq!(J::parse(&word.to_lowercase()), expected);
        }
    }
    assert_eq!(J::parse("Canceled"), J::Cancelled);
}

#[test]
fn a_job_that_is_being_cancelled_shows_in_the_phase() {
    assert_eq!(phase_of(&JobStatus::Cancelling), Phase::Cancelling);
    assert_eq!(phase_of(&JobStatus::InProgress), Phase::Running);
    assert_eq!(
        phase_of(&JobStatus::Completed),
        Phase::Running,
        "its end is told by the single read"
    );
}

#[test]
fn attempts_stand_in_order_and_only_a_placeholder_has_no_request_id() {
    let mut record = Record {
        attempts: vec![attempt(1, AttemptState::NotFound)],
        ..Record::default()
    };

    for number in [3, 0, 2, 3, 1] {
        attempt_of(&mut record, key(), number);
    }

    let ids: Vec<_> = record
        .attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.request_id))
        .collect();
    let id = |number| (number, Some(key().request_id(number)));
    assert_eq!(ids, [(0, None), id(1), id(2), id(3)]);
}
