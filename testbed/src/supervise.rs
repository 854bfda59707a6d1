//! The supervisor process: owns every other process of a testbed and stops them in order when its input ends.
//!
//! It reads one JSON request a line from standard input and answers with one JSON line each. The program that started
//! it holds the other end of that pipe; however that program ends, the kernel closes the pipe, and the supervisor
//! stops the stages one after the other ([`Stage`]) and removes its folder.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The order in which processes are stopped: the first stage first, those of one stage together.
///
/// With etcd gone, kube-apiserver ignores SIGTERM for good and keeps its port; so etcd is last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    Controller,
    Azure,
    ControllerManager,
    ApiServer,
    Etcd,
}

impl Stage {
    const ALL: [Self; 5] = [
        Self::Controller,
        Self::Azure,
        Self::ControllerManager,
        Self::ApiServer,
        Self::Etcd,
    ];

    /// How long a process may take after SIGTERM before it is killed, at the end of everything.
    fn grace(self) -> Duration {
        match self {
            Self::Controller => Duration::from_secs(10),
            Self::Azure | Self::ControllerManager | Self::ApiServer | Self::Etcd => {
                Duration::from_secs(5)
            }
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// What it returned, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Exit {
    /// Ended by itself and said that all went well.
    pub fn success(self) -> bool {
        self.code == Some(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("unknown exit"),
        }
    }
}

/// What is to be started. Output and errors are appended to `log`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessSpec {
    pub name: String,
    pub stage: Stage,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub log: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub id: u64,
    pub act: Act,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Act {
    Start(ProcessSpec),
    /// SIGTERM, then SIGKILL after the grace.
    Stop {
        name: String,
        grace_ms: u64,
    },
    Kill {
        name: String,
    },
    Status {
        name: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub id: u64,
    pub answer: Result<Answer, String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub pid: u32,
    /// Absent while the process runs.
    pub exit: Option<Exit>,
}

/// The first line that the supervisor prints.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub pid: u32,
    pub folder: PathBuf,
}

#[derive(Clone)]
struct Child {
    stage: Stage,
    pid: u32,
    exit: watch::Receiver<Option<Exit>>,
}

type Children = Arc<Mutex<BTreeMap<String, Child>>>;

/// Serves requests until standard input ends or a signal asks to stop, then stops everything in order.
///
/// # Errors
/// If its folder cannot be made or its standard output is closed at the start.
pub async fn run() -> std::io::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("vmrestore-testbed-")
        .tempdir()?;
    say(&Hello {
        pid: std::process::id(),
        folder: folder.path().to_path_buf(),
    })
    .await?;

    let children = Children::default();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut requests = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = tokio::select! {
            line = requests.next_line() => line,
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
        };
        let Ok(Some(line)) = line else { break };
        if let Ok(request) = serde_json::from_str::<Request>(&line) {
            serve(&children, request).await;
        }
    }

    stop_everything(&children).await;
    if std::env::var_os("VMRESTORE_KEEP").is_some() {
        let _ = folder.keep();
    } else {
        folder.close()?;
    }
    Ok(())
}

/// Starts at once, so that no start is under way when the input ends; stopping takes time and runs aside.
async fn serve(children: &Children, request: Request) {
    let Request { id, act } = request;
    match act {
        Act::Start(spec) => answer(id, start(children, spec)).await,
        Act::Status { name } => answer(id, find(children, &name).map(|child| child.answer())).await,
        Act::Stop { name, grace_ms } => {
            let child = find(children, &name);
            tokio::spawn(async move {
                match child {
                    Ok(child) => {
                        answer(id, Ok(child.stop(Duration::from_millis(grace_ms)).await)).await
                    }
                    Err(error) => answer(id, Err(error)).await,
                }
            });
        }
        Act::Kill { name } => {
            let child = find(children, &name);
            tokio::spawn(async move {
                match child {
                    Ok(child) => answer(id, Ok(child.kill().await)).await,
                    Err(error) => answer(id, Err(error)).await,
                }
            });
        }
    }
}

fn start(children: &Children, spec: ProcessSpec) -> Result<Answer, String> {
    if let Ok(child) = find(children, &spec.name)
        && child.exit.borrow().is_none()
    {
        return Err(format!("start {}: it runs already", spec.name));
    }
    let log =
        open_log(&spec.log).map_err(|error| format!("open {}: {error}", spec.log.display()))?;
    let errors = log
        .try_clone()
        .map_err(|error| format!("open {}: {error}", spec.log.display()))?;
    let mut process = Command::new(&spec.program)
        .args(&spec.args)
        .envs(&spec.env)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("start {}: {error}", spec.program.display()))?;
    let pid = process
        .id()
        .ok_or_else(|| format!("start {}: it ended at once", spec.name))?;

    let (ended, exit) = watch::channel(None);
    tokio::spawn(async move {
        use std::os::unix::process::ExitStatusExt as _;
        let status = process.wait().await;
        let exit = status.map_or(
            Exit {
                code: None,
                signal: None,
            },
            |status| Exit {
                code: status.code(),
                signal: status.signal(),
            },
        );
        let _ = ended.send(Some(exit));
    });
    let child = Child {
        stage: spec.stage,
        pid,
        exit,
    };
    let answer = child.answer();
    lock(children).insert(spec.name, child);
    Ok(answer)
}

impl Child {
    fn answer(&self) -> Answer {
        Answer {
            pid: self.pid,
            exit: *self.exit.borrow(),
        }
    }

    async fn stop(&self, grace: Duration) -> Answer {
        self.send(rustix::process::Signal::TERM);
        if tokio::time::timeout(grace, self.ended()).await.is_err() {
            return self.kill().await;
        }
        self.answer()
    }

    async fn kill(&self) -> Answer {
        self.send(rustix::process::Signal::KILL);
        self.ended().await;
        self.answer()
    }

    async fn ended(&self) {
        // An error says that the waiting task is gone, which it is only when the process has ended.
        let _ = self.exit.clone().wait_for(Option::is_some).await;
    }

    fn send(&self, signal: rustix::process::Signal) {
        // The number of a process that was waited for may belong to a stranger by now.
        if self.exit.borrow().is_some() {
            return;
        }
        if let Some(pid) = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

async fn stop_everything(children: &Children) {
    for stage in Stage::ALL {
        let of_stage: Vec<Child> = lock(children)
            .values()
            .filter(|child| child.stage == stage)
            .cloned()
            .collect();
        futures::future::join_all(of_stage.iter().map(|child| child.stop(stage.grace()))).await;
    }
}

fn find(children: &Children, name: &str) -> Result<Child, String> {
    lock(children)
        .get(name)
        .cloned()
        .ok_or_else(|| format!("find {name}: nothing of that name was started"))
}

fn lock(children: &Children) -> std::sync::MutexGuard<'_, BTreeMap<String, Child>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_log(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
}

async fn answer(id: u64, answer: Result<Answer, String>) {
    // A closed pipe means that nobody waits for the answer; the end of the input follows.
    let _ = say(&Reply { id, answer }).await;
}

async fn say<T: Serialize>(value: &T) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut out = tokio::io::stdout();
    out.write_all(&line).await?;
    out.flush().await
}
