//! Plays a world: polls the passes by hand, one event after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use jiff::SignedDuration;

use super::super::ids::{ArmId, CanonicalRun, RunKey, Scope};
use super::super::pace::Limits;
use super::super::pass::{After, Pass};
use super::super::ports::StoreError;
use super::super::record::{Control, Mark, Matching, Memory, Phase};
use super::checks::{CALM, SETTLED};
use super::object_store::Port;
use super::script::Playing;
use super::weather::{Event, Weather};
use super::world::{MINUTE, Ms, Object, PROCESSES, SECOND, Shared, World, wall};

type PassResult = (Result<After, StoreError>, Memory);
type Running = Pin<Box<dyn Future<Output = PassResult>>>;

/// A run from outside: one process's pass and memory.
#[derive(Default)]
struct Seat {
    pass: Option<Running>,
    memory: Memory,
}

/// What came of it.
pub struct Played {
    pub violations: Vec<String>,
    pub trace: Vec<String>,
    pub world: World,
}

/// A world from a seed.
pub fn seeded(seed: u64, trace: bool) -> World {
    let mut rng = fastrand::Rng::with_seed(seed);
    let weather = Weather::drawn(&mut rng);
    let start_by = (rng.u32(0..4) == 0).then(|| wall(rng.i64(0..60 * MINUTE)));
    let control = Control {
        start_by,
        retry_limit: rng.u8(0..4),
        run_timeout: SignedDuration::from_mins(*rng.choice(&[20, 90, 1440]).unwrap_or(&1440)),
        suspend: false,
        cancel: false,
    };
    let mut world = a_world(weather, control, rng);
    if trace {
        world.trace = Some(vec![format!(
            "{:?} {:?}",
            world.weather, world.first_control
        )]);
    }
    world
}

/// A world from a written weather.
pub fn a_world(weather: Weather, control: Control, mut rng: fastrand::Rng) -> World {
    let key = RunKey::compute(
        &Scope::new("s"),
        &CanonicalRun::new("n", "r", &ArmId::new("v")),
    );
    let mut processes: [super::world::Process; PROCESSES] = Default::default();
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
    let mut world = World {
        now: 0,
        rng,
        requests: key.request_ids().collect(),
        key,
        scripts: weather.scripts.iter().cloned().map(Playing::of).collect(),
        due: Vec::new(),
        loses_answer: false,
        forgets_young_jobs: false,
        weather,
        object: None,
        first_control: control,
        history: Vec::new(),
        matching,
        posts: Vec::new(),
        jobs: Vec::new(),
        operations: Vec::new(),
        processes,
        vault_gone: None,
        versions: 0,
        meddled: false,
        excused: false,
        person_retried: false,
        accepted: Default::default(),
        status_lost: false,
        sends: 0,
        writes: 0,
        violations: Vec::new(),
        trace: None,
    };
    world.create_object();
    world
}

fn start(shared: &Shared, process: usize, mut memory: Memory) -> Running {
    let port = Port {
        world: shared.clone(),
        process,
    };
    Box::pin(async move {
        let vault = match port.world.lock().vault_gone.clone() {
            Some(note) => Err(note),
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
pub fn play(world: World) -> Played {
    let events = world.weather.events.clone();
    let end = world
        .weather
        .storm_ends
        .max(world.weather.events.last().map_or(0, |(at, _)| *at))
        + CALM;
    let settled = end - CALM + SETTLED;
    let shared = Shared(Arc::new(Mutex::new(world)));
    let mut seats: [Seat; PROCESSES] = Default::default();
    let mut events = events.into_iter().peekable();
    loop {
        let next = {
            let world = shared.lock();
            let passes = (0..PROCESSES).filter_map(|index| {
                let process = &world.processes[index];
                let due = if seats[index].pass.is_some() {
                    Some(process.wake)
                } else {
                    process.next_pass
                };
                due.map(|due| due.max(process.paused_until))
            });
            passes
                .chain(world.next_effect())
                .chain(world.next_line())
                .chain(events.peek().map(|(at, _)| *at))
                .min()
        };
        let Some(next) = next.filter(|next| *next <= end) else {
            break;
        };
        {
            let mut world = shared.lock();
            world.now = world.now.max(next);
            world.effects();
        }
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= shared.lock().now) {
            shared.lock().happen(event);
            disturb(&shared, &mut seats, event);
        }
        follow_scripts(&shared, &mut seats);
        for index in 0..PROCESSES {
            step(&shared, index, &mut seats[index]);
            follow_scripts(&shared, &mut seats);
        }
        let world = shared.lock();
        let rests = world.now > settled
            && world.next_line().is_none()
            && world.object.as_ref().is_none_or(rests);
        if rests || world.violations.len() > 3 {
            break;
        }
    }
    drop(seats);
    let mut world = std::mem::replace(
        &mut *shared.lock(),
        a_world(
            Weather::calm(),
            Control {
                start_by: None,
                retry_limit: 0,
                run_timeout: SignedDuration::ZERO,
                suspend: false,
                cancel: false,
            },
            fastrand::Rng::with_seed(0),
        ),
    );
    if world.violations.is_empty() {
        world.check_rest();
    }
    Played {
        violations: world.violations.clone(),
        trace: world.trace.clone().unwrap_or_default(),
        world,
    }
}

/// Whether nothing but a person can change this any more: no need to watch it for hours.
fn rests(object: &Object) -> bool {
    object.record.phase == Phase::Blocked
        || object.record.end.is_some() && object.mark == Mark::None
}

/// Lets happen what scripts say about this instant.
fn follow_scripts(shared: &Shared, seats: &mut [Seat; PROCESSES]) {
    let due = shared.lock().due_events();
    for event in due {
        shared.lock().happen(event);
        disturb(shared, seats, event);
    }
}

fn disturb(shared: &Shared, seats: &mut [Seat; PROCESSES], event: Event) {
    match event {
        Event::Crash(index) => {
            seats[index] = Seat::default();
            let mut world = shared.lock();
            let down: Ms = world.rng.i64(SECOND..5 * MINUTE);
            let now = world.now;
            let process = &mut world.processes[index];
            process.board = Default::default();
            process.paused_until = 0;
            process.next_pass = Some(now + down);
            process.dirty = false;
        }
        Event::Pause(index, length) => {
            let mut world = shared.lock();
            let until = world.now + length;
            world.processes[index].paused_until = until;
        }
        _ => {}
    }
}

fn step(shared: &Shared, index: usize, seat: &mut Seat) {
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut world = shared.lock();
        let now = world.now;
        let process = &mut world.processes[index];
        if process.paused_until > now {
            return;
        }
        if seat.pass.is_none() {
            if process.next_pass.is_none_or(|due| due > now) {
                return;
            }
            process.next_pass = None;
            process.dirty = false;
            process.wake = now;
            process.got_2xx = None;
            world.check_pace(index);
        } else if process.wake > now {
            return;
        }
    }
    if seat.pass.is_none() {
        seat.pass = Some(start(shared, index, std::mem::take(&mut seat.memory)));
    }
    let Some(pass) = &mut seat.pass else { return };
    let std::task::Poll::Ready((result, memory)) = pass.as_mut().poll(&mut context) else {
        return;
    };
    seat.pass = None;
    seat.memory = memory;
    let mut world = shared.lock();
    let now = world.now;
    let jitter = world.rng.i64(0..100);
    let wait = match result {
        Ok(After::Rest) | Err(StoreError::Gone) => None,
        Ok(After::In(wait)) => Some(wait.as_millis() as Ms),
        Err(StoreError::Conflict) => Some(50 + jitter),
        Err(StoreError::Lost(_) | StoreError::Refused(_)) => Some(2000 + 20 * jitter),
    };
    let process = &mut world.processes[index];
    let due = wait.map(|wait| now + wait);
    process.next_pass = match (process.dirty, process.next_pass, due) {
        (true, Some(soon), Some(due)) => Some(soon.min(due)),
        (true, Some(soon), None) => Some(soon),
        (_, _, due) => due,
    };
}
