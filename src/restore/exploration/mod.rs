//! Explores small worlds completely: the real pass, with everything that it decides, in every order in which two processes,
//! the faults and the people of a bounded world can come after one another.
//!
//! A state is what the API server and Azure hold, what each process remembers, and where its pass stands ([`script`]). States
//! that are equal are visited once. Time is counted in ticks ([`time`]); that a process is not scheduled while time passes is
//! a process that was suspended. Before the last tick anything may happen that the world allows, in any order; from then on the
//! weather is calm, and everything must come to rest.
//!
//! What is merged, and why nothing is lost by it: reads of an item, its points and the vault (they never change here); the
//! read of a job, of `jobMatching` and its note (they follow in the same step as the list that asked for them); everything
//! that a pass does between two calls (it touches nothing that anybody else sees).
//!
//! `VMRESTORE_EXPLORE=all` explores all worlds ([`worlds`]), otherwise only the small ones.

mod azure;
mod calm;
mod script;
mod search;
mod seats;
mod time;
mod world;
mod worlds;

use search::{Found, explore};
use worlds::{Bounds, LATE, WORLDS};

/// States of a world that is explored on demand, at most; the table says when it was not enough.
const MOST: usize = 6_000_000;

fn told(bounds: &Bounds, found: &Found) -> String {
    let whole = if found.states >= MOST {
        ", not to the end"
    } else {
        ""
    };
    format!(
        "{:<40} {:>9} states {:>10} transitions {:>7} calm ends, depth {:>4}, {:>6.1} s{whole}",
        bounds.name, found.states, found.transitions, found.calm, found.depth, found.seconds
    )
}

#[test]
fn no_order_of_events_breaks_the_protocol() {
    let all = std::env::var("VMRESTORE_EXPLORE").is_ok_and(|value| value == "all");
    let only = std::env::var("VMRESTORE_WORLD").unwrap_or_default();
    let chosen: Vec<&Bounds> = WORLDS
        .iter()
        .filter(|bounds| (all || bounds.always) && bounds.name.contains(&only))
        .collect();
    let results = std::thread::scope(|scope| {
        let searches: Vec<_> = (0..2)
            .map(|half| {
                let worlds: Vec<&Bounds> = chosen.iter().copied().skip(half).step_by(2).collect();
                scope.spawn(move || {
                    let search = |bounds: &Bounds| {
                        let found = explore(*bounds, MOST, |found| {
                            println!("... {}", told(bounds, found));
                        });
                        println!("{}", told(bounds, &found));
                        (bounds.name, found)
                    };
                    worlds.into_iter().map(search).collect::<Vec<_>>()
                })
            })
            .collect();
        searches
            .into_iter()
            .flat_map(|search| search.join().unwrap())
            .collect::<Vec<_>>()
    });
    for (name, found) in results {
        if let Some((wrong, way)) = found.violation {
            panic!("{name}: {wrong}\n{}", way.join("\n"));
        }
    }
}

/// The model must see the risk that the design names: a list that is later than the window leads to a second job.
#[test]
fn a_list_later_than_the_window_leads_to_a_second_job() {
    let found = explore(LATE, MOST, |_| {});

    assert!(found.violation.is_none(), "{:?}", found.violation);
    assert!(found.excused_second_jobs > 0, "{found:?}");
}
