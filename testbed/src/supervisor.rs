//! The handle to a supervisor process ([`crate::supervise`]): starts, stops and kills processes through it.

use crate::supervise::{Act, Answer, Exit, Hello, ProcessSpec, Reply, Request};
use crate::{TestbedError, binaries};
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Answer, String>>>>>;

/// A supervisor process and the pipe that keeps it alive.
///
/// It uses threads and no runtime, so that one supervisor serves tests that have a runtime each. Dropping the last
/// handle stops everything in order and waits for that.
#[derive(Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

struct Inner {
    process: Mutex<std::process::Child>,
    requests: Mutex<Option<(ChildStdin, u64)>>,
    waiting: Waiting,
    folder: PathBuf,
    pid: u32,
}

impl Supervisor {
    /// Starts a supervisor with a fresh temporary folder.
    ///
    /// It gets a process group of its own: Ctrl-C on a terminal reaches this program only, and the supervisor learns
    /// of it by the end of the pipe.
    ///
    /// # Errors
    /// If the binary `testbed` is not built or does not start.
    pub fn start() -> Result<Self, TestbedError> {
        let program = binaries::find("testbed")?;
        let mut process = Command::new(&program)
            .arg("supervise")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(TestbedError::io(format!("start {}", program.display())))?;
        let requests = process.stdin.take();
        let output = process
            .stdout
            .take()
            .ok_or_else(|| TestbedError::Supervisor("be reached".to_owned()))?;
        let mut lines = BufReader::new(output).lines();
        let hello: Hello = lines
            .next()
            .and_then(Result::ok)
            .and_then(|line| serde_json::from_str(&line).ok())
            .ok_or_else(|| TestbedError::Supervisor("start".to_owned()))?;

        let waiting = Waiting::default();
        let for_replies = waiting.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(reply) = serde_json::from_str::<Reply>(&line)
                    && let Some(asker) = lock(&for_replies).remove(&reply.id)
                {
                    let _ = asker.send(reply.answer);
                }
            }
            // Whoever still waits learns that no answer will come.
            lock(&for_replies).clear();
        });
        Ok(Self {
            inner: Arc::new(Inner {
                process: Mutex::new(process),
                requests: Mutex::new(requests.map(|pipe| (pipe, 0))),
                waiting,
                folder: hello.folder,
                pid: hello.pid,
            }),
        })
    }

    /// The temporary folder that goes away with the supervisor.
    pub fn folder(&self) -> &Path {
        &self.inner.folder
    }

    /// The supervisor's own process id.
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// Starts a process; a name may be used again after its process has ended.
    ///
    /// # Errors
    /// If the program cannot be started, or the supervisor is gone.
    pub async fn spawn(&self, spec: ProcessSpec) -> Result<Process, TestbedError> {
        let (name, log) = (spec.name.clone(), spec.log.clone());
        let answer = self.ask(Act::Start(spec)).await?;
        Ok(Process {
            supervisor: self.clone(),
            name,
            pid: answer.pid,
            log,
        })
    }

    /// Stops everything in order, removes the folder, and returns when that is done.
    pub async fn stop(&self) {
        let inner = self.inner.clone();
        // The join error of a panicked wait has nobody to tell; the pipe is closed in any case.
        let _ = tokio::task::spawn_blocking(move || inner.close_and_wait()).await;
    }

    async fn ask(&self, act: Act) -> Result<Answer, TestbedError> {
        let gone = |_| TestbedError::Supervisor("answer: it is gone".to_owned());
        self.send(act)?
            .await
            .map_err(gone)?
            .map_err(TestbedError::Supervisor)
    }

    /// Sends a request; the answer may be waited for, or not.
    fn send(&self, act: Act) -> Result<oneshot::Receiver<Result<Answer, String>>, TestbedError> {
        let gone = || TestbedError::Supervisor("be reached: it has been stopped".to_owned());
        let (asker, receiver) = oneshot::channel();
        let mut requests = lock(&self.inner.requests);
        let (pipe, last_id) = requests.as_mut().ok_or_else(gone)?;
        *last_id += 1;
        lock(&self.inner.waiting).insert(*last_id, asker);
        let request = Request { id: *last_id, act };
        let mut line = serde_json::to_vec(&request).map_err(|error| {
            TestbedError::Unreadable(format!("write a request to the supervisor: {error}"))
        })?;
        line.push(b'\n');
        pipe.write_all(&line)
            .map_err(TestbedError::io("reach the supervisor"))?;
        Ok(receiver)
    }
}

impl Inner {
    fn close_and_wait(&self) {
        *lock(&self.requests) = None;
        let _ = lock(&self.process).wait();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close_and_wait();
    }
}

/// One process of a supervisor. Dropping the handle leaves the process alone.
#[derive(Clone)]
pub struct Process {
    supervisor: Supervisor,
    name: String,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file with all that it has printed.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// All that it has printed, by this start and earlier ones.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last lines that it has printed.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = self.log();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn exit(&self) -> Result<Option<Exit>, TestbedError> {
        Ok(self
            .supervisor
            .ask(Act::Status {
                name: self.name.clone(),
            })
            .await?
            .exit)
    }

    /// SIGTERM, and SIGKILL if it still runs after `grace`.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn stop(&self, grace: Duration) -> Result<Exit, TestbedError> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.ended(Act::Stop {
            name: self.name.clone(),
            grace_ms,
        })
        .await
    }

    /// SIGKILL: it gets no chance to put anything in order.
    ///
    /// # Errors
    /// If the supervisor is gone.
    pub async fn kill(&self) -> Result<Exit, TestbedError> {
        self.ended(Act::Kill {
            name: self.name.clone(),
        })
        .await
    }

    /// Asks for SIGKILL without waiting: for `Drop`.
    pub(crate) fn kill_without_waiting(&self) {
        let _ = self.supervisor.send(Act::Kill {
            name: self.name.clone(),
        });
    }

    /// Waits until `ready` says so; fails early if the process ends, and shows its last lines.
    ///
    /// # Errors
    /// [`TestbedError::Ended`], [`TestbedError::TimedOut`], or what `ready` returns.
    pub async fn wait_until<T>(
        &self,
        what: &str,
        within: Duration,
        ready: impl AsyncFn() -> Option<T>,
    ) -> Result<T, TestbedError> {
        let start = Instant::now();
        loop {
            if let Some(value) = ready().await {
                return Ok(value);
            }
            if let Some(exit) = self.exit().await? {
                return Err(TestbedError::Ended {
                    name: self.name.clone(),
                    exit: exit.to_string(),
                    log: self.log_tail(20),
                });
            }
            if start.elapsed() > within {
                return Err(TestbedError::TimedOut {
                    what: what.to_owned(),
                    seconds: within.as_secs(),
                    log: format!("; the last lines of {}:\n{}", self.name, self.log_tail(20)),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ended(&self, act: Act) -> Result<Exit, TestbedError> {
        let answer = self.supervisor.ask(act).await?;
        answer
            .exit
            .ok_or_else(|| TestbedError::Supervisor(format!("see the end of {}", self.name)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
