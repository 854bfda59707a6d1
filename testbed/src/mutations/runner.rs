//! Makes each mistake, runs the checks that must notice it, and takes it back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Check, Edit, MiniCrate, Row, rows};
use crate::TestbedError;

/// A check that takes longer than this has found something too: a run that goes in circles.
const LONGEST_CHECK: Duration = Duration::from_secs(180);

/// So many states of a world are visited, breadth first: each mistake shows before.
const MOST_STATES: u32 = 1_000_000;

/// What a check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Failed,
    TimedOut,
    Passed,
    NoSuchTest,
}

/// Makes the mistakes whose name or breach contains `only`, one after the other, and prints what noticed them. Returns
/// whether every check noticed what it must.
///
/// # Errors
/// When the crate cannot be made, or does not compile or pass as it is.
pub fn run(only: Option<&str>) -> Result<bool, TestbedError> {
    let chosen: Vec<Row> = rows()
        .filter(|row| {
            only.is_none_or(|only| row.name.contains(only) || row.breaks.to_string() == only)
        })
        .collect();
    let mini = MiniCrate::make("mutations")?;
    passes_unchanged(&mini, &chosen)?;
    let mut bad = 0;
    for row in &chosen {
        let lines = play(&mini, row)?;
        for (good, line) in &lines {
            println!("{line}");
            bad += usize::from(!good);
        }
    }
    println!(
        "{} mistakes, {} checks, {bad} of them noticed nothing",
        chosen.len(),
        chosen.iter().map(|row| row.caught_by.len()).sum::<usize>()
    );
    Ok(bad == 0 && !chosen.is_empty())
}

/// A check proves something only if it passes where nothing is broken.
fn passes_unchanged(mini: &MiniCrate, chosen: &[Row]) -> Result<(), TestbedError> {
    let program = mini.build_tests()?.map_err(TestbedError::Tool)?;
    let mut done: Vec<Check> = Vec::new();
    let checks = || chosen.iter().flat_map(|row| row.caught_by);
    let most = checks().filter_map(Check::schedules).max();
    for check in checks() {
        if done.contains(check) || check.schedules() < most && check.schedules().is_some() {
            continue;
        }
        let verdict = run_check(mini, &program, check)?;
        if verdict != Verdict::Passed {
            return Err(TestbedError::Tool(format!(
                "{check}: {verdict:?} although nothing was changed"
            )));
        }
        done.push(*check);
    }
    Ok(())
}

/// A line for each check, and whether it is as it must be.
fn play(mini: &MiniCrate, row: &Row) -> Result<Vec<(bool, String)>, TestbedError> {
    let made = edit(mini, row.edits);
    let result = match &made {
        Ok(_) => check_all(mini, row),
        Err((error, _)) => Ok(vec![(false, line(row, error, None))]),
    };
    let originals = made.unwrap_or_else(|(_, originals)| originals);
    for (path, original) in originals.into_iter().rev() {
        let io = TestbedError::io(format!("write {}", path.display()));
        fs::write(&path, original).map_err(io)?;
    }
    result
}

/// What the files were before.
type Originals = Vec<(PathBuf, String)>;

/// Makes the edits, one after the other; an error says why one could not be made.
fn edit(mini: &MiniCrate, edits: &[Edit]) -> Result<Originals, (String, Originals)> {
    let mut originals = Vec::new();
    for edit in edits {
        let path = mini.folder().join("src/restore").join(edit.file);
        let done = fs::read_to_string(&path).and_then(|text| {
            if text.matches(edit.text).count() != 1 {
                let why = "its text does not stand exactly once in the file";
                return Err(std::io::Error::other(why));
            }
            fs::write(&path, text.replace(edit.text, edit.replacement))?;
            Ok(text)
        });
        match done {
            Ok(original) => originals.push((path, original)),
            Err(error) => return Err((format!("{}: {error}", edit.file), originals)),
        }
    }
    Ok(originals)
}

fn check_all(mini: &MiniCrate, row: &Row) -> Result<Vec<(bool, String)>, TestbedError> {
    let started = Instant::now();
    let program = match mini.build_tests()? {
        Ok(program) => program,
        Err(said) => {
            let line = line(row, &format!("does not compile\n{said}"), None);
            return Ok(vec![(false, line)]);
        }
    };
    let compiled = started.elapsed();
    let mut lines = Vec::new();
    for check in row.caught_by {
        let started = Instant::now();
        let verdict = run_check(mini, &program, check)?;
        let (good, word) = match verdict {
            Verdict::Failed => (true, "caught by"),
            Verdict::TimedOut => (true, "caught (it never ended) by"),
            Verdict::Passed => (false, "SURVIVED"),
            Verdict::NoSuchTest => (false, "there is no test"),
        };
        let seconds = compiled + started.elapsed();
        lines.push((good, line(row, &format!("{word} {check}"), Some(seconds))));
    }
    Ok(lines)
}

fn line(row: &Row, what: &str, took: Option<Duration>) -> String {
    let took = took.map_or_else(String::new, |took| format!("{:.1}", took.as_secs_f64()));
    format!("{:<22} {:<72} {took:>5} s  {what}", row.breaks, row.name)
}

fn run_check(mini: &MiniCrate, program: &Path, check: &Check) -> Result<Verdict, TestbedError> {
    let log = mini.folder().join("check.log");
    let io = TestbedError::io;
    let output = fs::File::create(&log).map_err(io(format!("write {}", log.display())))?;
    let mut command = Command::new(program);
    command
        .arg(check.test())
        .env_remove("VMRESTORE_SEED")
        .env_remove("VMRESTORE_FIRST_SEED")
        .env_remove("VMRESTORE_WORLD")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(output);
    if let Some(count) = check.schedules() {
        command.env("VMRESTORE_SCHEDULES", count.to_string());
    }
    if let Some(name) = check.world() {
        command
            .env("VMRESTORE_WORLD", name)
            .env("VMRESTORE_STATES", MOST_STATES.to_string());
    }
    let mut child = command.spawn().map_err(io("run the tests".to_owned()))?;
    let until = Instant::now() + LONGEST_CHECK;
    let status = loop {
        let status = child.try_wait();
        if let Some(status) = status.map_err(io("wait for the tests".to_owned()))? {
            break status;
        }
        if Instant::now() > until {
            // Both fail only if the process is gone already.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Verdict::TimedOut);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = fs::read_to_string(&log).map_err(io(format!("read {}", log.display())))?;
    Ok(if text.contains("running 0 tests") {
        Verdict::NoSuchTest
    } else if status.success() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}
