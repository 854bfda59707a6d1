//! Plays a world: polls the passes by hand, one event after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;

use super::super::choose::PointSelector;
use super::super::ids::{ArmId, CanonicalRun, RunKey, Scope};
use super::super::pace::{AFTER_REFUSED_WRITE, Limits};
use super::super::pass::{After, Pass};
use super::super::ports::StoreError;
use super::super::record::{Control, Intent, Mark, Matching, Memory, Phase};
pub use super::kinds::Kind;
use super::object_store::Port;
use super::rest::{CALM, SETTLED};
use super::script::Playing;
use super::weather::{Event, Weather};
use super::world::{
    Intended, MINUTE, Ms, PROCESSES, Process, SECOND, Shared, World, vault_id, wall,
};

type PassResult = (Result<After, StoreError>, Memory);
type Running = Pin<Box<dyn Future<Output = PassResult>>>;

/// A run from outside: one process's pass and memory.
#[derive(Default)]
struct Seat {
    pass: Option<Running>,
    memory: Memory,
}

/// By run, then by process.
type Seats = Vec<[Seat; PROCESSES]>;

/// What came of it.
pub struct Played {
    pub violations: Vec<String>,
    pub trace: Vec<String>,
    pub world: World,
}

/// A world from a seed: one or two runs for one VM, each of its own kind.
pub fn seeded(seed: u64, trace: bool) -> World {
    let mut rng = fastrand::Rng::with_seed(seed);
    let runs = 1 + usize::from(rng.u32(0..5) < 2);
    let weather = Weather::drawn(&mut rng, runs);
    let wishes: Vec<(Kind, Control)> = (0..runs)
        .map(|_| {
            let kind = match rng.u32(0..20) {
                0..=6 => Kind::Disks,
                7..=14 => Kind::OriginalLocation,
                _ => Kind::AlternateLocation,
            };
            (kind, drawn_control(&mut rng, kind))
        })
        .collect();
    let mut world = world_of(weather, &wishes, rng);
    for process in &mut world.processes {
        process.drift = world.rng.i64(-10..=10);
    }
    if trace {
        world.trace = Some(vec![format!("{:?} {wishes:?}", world.weather)]);
    }
    world
}

fn drawn_control(rng: &mut fastrand::Rng, kind: Kind) -> Control {
    let has_start_by = kind == Kind::OriginalLocation || rng.u32(0..4) == 0;
    Control {
        start_by: has_start_by.then(|| wall(rng.i64(0..120 * MINUTE))),
        retry_limit: rng.u8(0..4),
        run_timeout: SignedDuration::from_mins(*rng.choice(&[20, 90, 1440]).unwrap_or(&1440)),
        suspend: rng.u32(0..32) == 0,
        cancel: false,
    }
}

/// A world with one run that restores disks, from a written weather.
pub fn a_world(weather: Weather, control: Control, rng: fastrand::Rng) -> World {
    world_of(weather, &[(Kind::Disks, control)], rng)
}

/// A world with these runs, all of one VM.
pub fn world_of(weather: Weather, wishes: &[(Kind, Control)], mut rng: fastrand::Rng) -> World {
    let mut processes: [Process; PROCESSES] = Default::default();
    if weather.storm_ends > 0 {
        for process in &mut processes {
            process.skew = rng.i64(-20 * SECOND..20 * SECOND);
        }
    }
    let matching = if weather.ids_filled {
        Matching::Assumed
    } else {
        Matching::Broken
    };
    let runs = wishes.iter().enumerate();
    let runs = runs.map(|(run, (kind, control))| intended(run, *kind, *control));
    let mut world = World {
        now: 0,
        rng,
        scripts: weather.scripts.iter().cloned().map(Playing::of).collect(),
        due: Vec::new(),
        aim: 0,
        apart: false,
        loses_answer: false,
        forgets_young_jobs: false,
        weather,
        runs: runs.collect(),
        lock: None,
        matching,
        broken_since: (matching == Matching::Broken).then_some(0),
        posts: Vec::new(),
        jobs: Vec::new(),
        operations: Vec::new(),
        processes,
        vault_gone: None,
        versions: 0,
        sends: 0,
        writes: 0,
        violations: Vec::new(),
        excused: Vec::new(),
        trace: None,
    };
    for run in 0..world.runs.len() {
        world.create_object(run);
    }
    world
}

fn intended(run: usize, kind: Kind, control: Control) -> Intended {
    Intended {
        key: RunKey::compute(
            &Scope::new("s"),
            &CanonicalRun::new("n", &format!("r{run}"), &ArmId::new("v")),
        ),
        intent: Intent {
            vm: ArmId::new(
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web",
            ),
            point: PointSelector::default(),
            target: kind.target(run),
            options: Default::default(),
            vault: vault_id(),
        },
        first_control: control,
        object: None,
        history: Vec::new(),
        places: Default::default(),
        first_claim: None,
        meddled: false,
        person_retried: false,
        person_abandoned: false,
        edited_since_claim: false,
        accepted: Default::default(),
        status_lost: false,
        in_doubt: false,
        name_taken: None,
        risks: Default::default(),
    }
}

fn start(shared: &Shared, (run, process): (usize, usize), mut memory: Memory) -> Running {
    let port = Port {
        world: shared.clone(),
        process,
        run,
    };
    Box::pin(async move {
        let gone = port.world.lock().vault_gone.clone();
        let vault = match gone {
            Some(note) => {
                port.world.lock().asked_in_vain(run, process);
                Err(note)
            }
            None => Ok(port.clone()),
        };
        let pass = Pass {
            store: &port,
            vault,
            clock: &port,
            limits: &Limits::default(),
            memory: &mut memory,
        };
        let result = pass.run().await;
        (result, memory)
    })
}

/// Plays to the end.
pub fn play(mut world: World) -> Played {
    let events = std::mem::take(&mut world.weather.events);
    let end = world
        .weather
        .storm_ends
        .max(events.last().map_or(0, |(at, _)| *at))
        + CALM;
    let settled = end - CALM + SETTLED;
    let runs = world.runs.len();
    let shared = Shared(Arc::new(Mutex::new(world)));
    let mut seats: Seats = (0..runs).map(|_| Default::default()).collect();
    let mut events = events.into_iter().peekable();
    loop {
        let next = next_instant(&shared, &seats, events.peek().map(|(at, _)| *at));
        let Some(next) = next.filter(|next| *next <= end) else {
            break;
        };
        let now = {
            let mut world = shared.lock();
            world.now = world.now.max(next);
            world.effects();
            world.now
        };
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
            shared.lock().happen(event);
            disturb(&shared, &mut seats, event);
        }
        follow_scripts(&shared, &mut seats);
        for run in 0..runs {
            for process in 0..PROCESSES {
                if step(&shared, (run, process), &mut seats[run][process]) {
                    follow_scripts(&shared, &mut seats);
                }
            }
        }
        let world = shared.lock();
        let rests = world.now > settled
            && world.next_line().is_none()
            && (0..runs).all(|run| rests(&world, run));
        if rests || world.violations.len() > 3 {
            break;
        }
    }
    drop(seats);
    let world = Arc::into_inner(shared.0).expect("every pass is over");
    let mut world = world.into_inner().unwrap();
    if world.violations.is_empty() {
        world.check_rest();
    }
    Played {
        violations: std::mem::take(&mut world.violations),
        trace: world.trace.take().unwrap_or_default(),
        world,
    }
}

fn next_instant(shared: &Shared, seats: &Seats, event: Option<Ms>) -> Option<Ms> {
    let world = shared.lock();
    let mut next = [world.next_effect(), world.next_line(), event]
        .into_iter()
        .flatten()
        .min();
    for (intended, seats) in world.runs.iter().zip(seats) {
        for (process, (place, seat)) in intended.places.iter().zip(seats).enumerate() {
            let due = match seat.pass {
                Some(_) => Some(place.wake),
                None => place.next_pass,
            };
            let due = due.map(|due| due.max(world.processes[process].paused_until));
            next = next.into_iter().chain(due).min();
        }
    }
    next
}

/// Whether nothing but a person can change this any more: no need to watch it for hours.
fn rests(world: &World, run: usize) -> bool {
    let Some(object) = &world.runs[run].object else {
        return true;
    };
    let done = object.record.phase == Phase::Blocked
        || object.record.end.is_some() && object.mark == Mark::None;
    done && !world.holds_for_nothing(run)
}

/// Lets happen what scripts say about this instant.
fn follow_scripts(shared: &Shared, seats: &mut Seats) {
    let due = shared.lock().due_events();
    for event in due {
        shared.lock().happen(event);
        disturb(shared, seats, event);
    }
}

fn disturb(shared: &Shared, seats: &mut Seats, event: Event) {
    match event {
        Event::Crash(process) => {
            let mut world = shared.lock();
            let down: Ms = world.rng.i64(SECOND..5 * MINUTE);
            let back = world.now + down;
            world.processes[process].board = Default::default();
            world.processes[process].paused_until = 0;
            for (run, seats) in seats.iter_mut().enumerate() {
                let place = &mut world.runs[run].places[process];
                place.next_pass = Some(back);
                place.dirty = false;
                seats[process] = Seat::default();
            }
        }
        Event::Pause(process, length) => {
            let mut world = shared.lock();
            let until = world.now + length;
            world.processes[process].paused_until = until;
        }
        _ => {}
    }
}

/// Lets one process do for one object what is due. Whether it did anything.
fn step(shared: &Shared, (run, process): (usize, usize), seat: &mut Seat) -> bool {
    {
        let mut world = shared.lock();
        let now = world.now;
        if world.processes[process].paused_until > now {
            return false;
        }
        let place = &mut world.runs[run].places[process];
        if seat.pass.is_none() {
            if place.next_pass.is_none_or(|due| due > now) {
                return false;
            }
            place.next_pass = None;
            place.dirty = false;
            place.wake = now;
            place.got_2xx = None;
            world.keeps_its_pace(run, process);
        } else if place.wake > now {
            return false;
        }
    }
    if seat.pass.is_none() {
        let memory = std::mem::take(&mut seat.memory);
        seat.pass = Some(start(shared, (run, process), memory));
    }
    let Some(pass) = &mut seat.pass else {
        return false;
    };
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready((result, memory)) = pass.as_mut().poll(&mut context) else {
        return true;
    };
    seat.pass = None;
    seat.memory = memory;
    let mut world = shared.lock();
    let waits = match result {
        Ok(After::Rest) => true,
        // So long nothing is tried when the API server took no word.
        Ok(After::In(wait)) => wait > AFTER_REFUSED_WRITE,
        Err(_) => false,
    };
    let place = &world.runs[run].places[process];
    if waits && place.knows_deletion && !place.dirty {
        world.deletion_is_told(run);
    }
    let now = world.now;
    let jitter = world.rng.i64(0..100);
    let wait = match result {
        Ok(After::Rest) | Err(StoreError::Gone) => None,
        Ok(After::In(wait)) => Some(world.real(process, wait.as_millis() as Ms)),
        Err(StoreError::Conflict) => Some(50 + jitter),
        Err(StoreError::Lost(_) | StoreError::Refused(_)) => Some(2000 + 20 * jitter),
    };
    let place = &mut world.runs[run].places[process];
    let due = wait.map(|wait| now + wait);
    place.next_pass = match (place.dirty, place.next_pass, due) {
        (true, Some(soon), Some(due)) => Some(soon.min(due)),
        (true, Some(soon), None) => Some(soon),
        (_, _, due) => due,
    };
    true
}
