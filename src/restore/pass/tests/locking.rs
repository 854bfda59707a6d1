//! The lock of a VM that is written over.

use super::*;

fn held_by(key: Option<RunKey>) -> ItemLock {
    ItemLock {
        version: Some("1".to_owned()),
        holder: Some(Holder {
            key,
            namespace: "n".to_owned(),
            name: "r".to_owned(),
            vault: None,
        }),
    }
}

#[test]
fn a_run_that_writes_over_nothing_never_asks_for_a_lock() {
    let ended = || {
        let mut run = claimed(vec![attempt(1, S::NotStarted)]);
        run.deleting = true;
        run
    };
    for run in [a_run(), ended()] {
        let paper = paper(run);
        paper.pass(&mut Memory::default()).unwrap();
        assert_eq!(paper.was_asked("read_lock"), 0);
    }
}

#[test]
fn what_writes_over_a_vm_takes_its_lock_before_the_look_and_waits_while_another_holds_it() {
    let free = paper(overwriting(a_run()));
    free.pass(&mut Memory::default()).unwrap();
    let expected = ["read_lock", "take_lock", "jobs", "claim", "trigger", "save"];
    assert_eq!(free.sheet().asked, expected);

    let held = paper(overwriting(a_run()));
    held.sheet().lock = held_by(None);
    held.pass(&mut Memory::default()).unwrap();
    assert_eq!(held.was_asked("take_lock") + held.was_asked("claim"), 0);
    assert_eq!(held.record().note.kind, NoteKind::ItemBusy);

    let ours = paper(overwriting(a_run()));
    ours.sheet().lock = held_by(Some(key()));
    ours.pass(&mut Memory::default()).unwrap();
    assert_eq!(ours.was_asked("take_lock"), 1, "it is written down again");
}

#[test]
fn a_lock_that_is_needed_no_more_is_released_by_its_holder_and_asked_for_once() {
    for (holder, releases) in [(Some(key()), 1), (None, 0)] {
        let mut run = overwriting(a_run());
        run.control.cancel = true;
        let mut memory = Memory::default();
        let paper = paper(run);
        paper.sheet().lock = held_by(holder);

        paper.pass(&mut memory).unwrap();
        paper.pass(&mut memory).unwrap();

        assert_eq!(paper.was_asked("release_lock"), releases, "{holder:?}");
        assert_eq!(paper.was_asked("read_lock"), 1);
    }
}

#[test]
fn a_deletion_that_lets_go_releases_the_lock_with_its_claim() {
    for (run, holder, releases) in [
        (
            overwriting(claimed(vec![attempt(1, S::NotStarted)])),
            Some(key()),
            1,
        ),
        (
            overwriting(claimed(vec![attempt(1, S::NotStarted)])),
            None,
            0,
        ),
        (claimed(vec![attempt(1, S::NotStarted)]), Some(key()), 0),
    ] {
        let mut run = run;
        run.deleting = true;
        let mut memory = Memory {
            lock_is_not_held: true,
            ..Memory::default()
        };
        let paper = paper(run);
        paper.sheet().lock = held_by(holder);

        paper.pass(&mut memory).unwrap();

        assert_eq!(paper.was_asked("let_go"), 1);
        assert_eq!(paper.was_asked("release_lock"), releases, "{holder:?}");
    }
}
