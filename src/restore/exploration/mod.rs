//! Explores small worlds completely: the real pass, with everything that it decides, in every order in which the calls of the
//! processes, the faults and the people of a world can come after one another.
//!
//! A state ([`state`]) is what the API server and Azure hold, what each process remembers, and where its pass stands. States that
//! are equal are visited once ([`search`]); every transition is checked ([`checks`]), and from every state calm weather must lead
//! to rest ([`calm`]). There is no horizon of time: a world ([`worlds`]) is bounded by its number of faults, and where two
//! processes or runs meet them also by how often passes interrupt each other and processes fall asleep ([`turns`]). The graph
//! closes by itself, because time is kept as ages that are cut ([`ages`]). A process that is not scheduled while time passes is a
//! process that stands still.
//!
//! **Passes are played once** ([`passes`], [`script`]). A pass is a future and cannot be copied. But where it stands follows from
//! the memory that it began with and the answers that it got, so the real pass is played again with one answer more, and what
//! it asks next, or remembers at its end, is kept in a tree. What a state holds of it is a number.
//!
//! What is merged, and why nothing is lost by it:
//!
//! * *Time counts in ticks of five minutes*: the visibility bound is one, the window three, the lives of a claim and of a look are
//!   less than one. Within a tick the clock does not tell what was first, so a list serves a look only if the same pass began it
//!   after its read.
//! * *Instants are ages, cut where no decision can tell them apart.* First sights of claims and jobs, the last look and a vacancy
//!   of the lock are compared with the window; first sights in a list with the visibility bound. Each comparison asks whether a
//!   difference reaches its bound, and lists of later passes are begun after what a process remembers between its passes; so
//!   one that has reached it is as good as any older one. While a pass is under way its lists may be older, by as long as it may
//!   stand still: then ages are cut that much later.
//! * *Instants that nothing compares are set to now*: when an attempt was claimed, a job started, a run was triggered and ended,
//!   where ids are filled; when a run began, while `timeouts.run` is a day. In worlds where something compares them they are ages
//!   too, cut at the window and two ticks more (`timeouts.run`: at two windows more). There a job and a claim that are both older
//!   count as equally old: a run may block where it would go on.
//! * *Times in messages* are moved with everything else; a new one is compared with an old one only to see whether it is later,
//!   and a new one lies after now, so that all that is past may be equal.
//! * *`startBy` and `timeouts.run`* are on the wall clock, whose setting is a property of a process: it may be set forward or back
//!   as a fault. In these worlds passes are told apart also by when they got their answers.
//! * *Fresh ids are names that are used again* ([`names`]): a new claim takes the first name that nothing mentions any more, and so
//!   do versions of the lock. A version of the object is not a name: a pass that was shown the object keeps only whether it is still
//!   the stored one, as a compare-and-swap asks for nothing else. A claim that nobody can show to a process any more is
//!   forgotten by it, unless it is the latest, which alone is asked for by its age.
//! * *Passes that will go on alike are one*: the same call, memory and answers, whenever these came, or since the answer to a
//!   request, after which a pass knows nothing else. That no other local variable counts is not taken on trust: of each pass
//!   that others were merged with, another one is kept, played beside it with every answer, and compared.
//! * *Processes have no names*: they are sorted.
//! * *Reads of the item, its points and the vault* never change here. The read of a job, of `jobMatching` and its note follow in the
//!   same step as the list that asked for them; what a pass does between two calls nobody else sees.
//! * *Waits* are rounded up to ticks and cut at four: a pass may always come earlier, as somebody may change the object.
//! * *One pass at a time stands still* while time passes: two that both do are not explored.
//! * *Hashes of 64 bits* stand for states: with a hundred million of them the chance that two are taken for one is one in 3,700.
//!
//! `VMRESTORE_EXPLORE=all` explores all worlds, otherwise only the quick ones; `VMRESTORE_WORLD` names one, or a part of its name;
//! `VMRESTORE_STATES` stops each at so many states.

mod ages;
mod azure;
mod calm;
mod checks;
mod few;
mod moves;
mod names;
mod passes;
mod pieces;
mod reading;
mod real;
mod script;
mod search;
mod state;
mod steps;
mod store;
mod tables;
mod time;
mod told;
mod turns;
mod words;
mod worlds;

use search::{Found, explore};
use worlds::{Bounds, LATE, WORLDS};

/// States of a world, at most: about 13 gigabytes, at some 130 bytes a state. The table says when it was not enough.
const MOST: usize = 100_000_000;

fn told(name: &str, found: &Found) -> String {
    let whole = if found.stopped {
        ", not to the end"
    } else {
        ""
    };
    format!(
        "{:<62} {:>9} states {:>10} transitions {:>5} rests, depth {:>3}, {:>7} passes, {:>6.1} s{whole}",
        name,
        found.states,
        found.transitions,
        found.rests,
        found.depth,
        found.passes,
        found.seconds
    )
}

#[test]
fn no_order_of_events_breaks_the_protocol() {
    let all = std::env::var("VMRESTORE_EXPLORE").is_ok_and(|value| value == "all");
    let only = std::env::var("VMRESTORE_WORLD").unwrap_or_default();
    let most = std::env::var("VMRESTORE_STATES").ok();
    let most = most.and_then(|most| most.parse().ok()).unwrap_or(MOST);
    let of_test = WORLDS.iter().filter(|bounds| all || bounds.always);
    let mut pieces: Vec<(String, Bounds)> = of_test.flat_map(|bounds| bounds.pieces()).collect();
    let is_name = pieces.iter().any(|(name, _)| *name == only);
    pieces.retain(|(name, _)| match is_name {
        true => *name == only,
        false => name.contains(&only),
    });
    let mut table = Vec::new();
    let mut wrong = Vec::new();
    for (name, bounds) in pieces {
        let found = explore(bounds, most, |found| println!("... {}", told(&name, found)));
        println!("{}", told(&name, &found));
        table.push(told(&name, &found));
        if let Some((what, way)) = found.violation {
            println!("{name}: {what}\n{}", way.join("\n"));
            wrong.push(format!("{name}: {what}"));
        }
    }
    println!("\n{}", table.join("\n"));
    assert!(!table.is_empty(), "no world has {only:?} in its name");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The model must see the risk that the design names: a list that is later than the window leads to a second job.
#[test]
fn a_list_later_than_the_window_leads_to_a_second_job() {
    let found = explore(LATE, MOST, |_| {});

    assert!(found.violation.is_none(), "{:?}", found.violation);
    assert!(found.excused > 0, "{found:?}");
}
