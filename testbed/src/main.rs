//! `testbed`: the command line of the testbed.

use clap::{Parser, Subcommand};
use jiff::SignedDuration;
use std::path::PathBuf;
use std::process::ExitCode;
use testbed::RestoreType;
use testbed::crash::{self, Settings as CrashSettings};
use testbed::microsoft_clients::Client;
use testbed::model::Model;
use testbed::replay::Settings;

/// A real Kubernetes control plane, the Azure emulator and the controller, on loopback.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build etcd, kube-apiserver, kube-controller-manager and kubectl into the user's cache, once per machine
    Controlplane {
        /// Only print the folder
        #[arg(long)]
        print: bool,
    },
    /// Keep a control plane running until Ctrl-C, without emulator and controller
    Serve,
    /// Restore two VMs while somebody watches, kill the controller in between, and show what Azure saw
    Demo,
    /// Keep a cluster, an Azure and the controller running until Ctrl-C
    Playground,
    /// Play recorded answers of Azure to the controller and compare where it ends
    Replay(ReplayArguments),
    /// Run Microsoft's own Python SDK against the emulator, and print a table of what was checked
    SdkCheck {
        /// Skip it, and say so, where Python 3.10 or the packages cannot be had
        #[arg(long)]
        if_possible: bool,
    },
    /// Run Microsoft's own command line `az` against the emulator, and print a table of what was checked
    AzCheck,
    /// Kill the controller at every request of a restore, before and after its effect, and see that each comes out right
    CrashMatrix(CrashMatrixArguments),
    /// Restore while everything around goes wrong, and compare the emulator's ledger with what the runs say
    Chaos(ChaosArguments),
    /// Play the protocol in many made-up worlds, optimised
    Model {
        /// How many worlds
        #[arg(long, default_value_t = 1_000_000)]
        schedules: u64,
        /// The seed of the first one
        #[arg(long, default_value_t = 0)]
        first_seed: u64,
    },
    /// Explore bounded worlds of the protocol completely, optimised
    Explore {
        /// Only worlds whose name contains this text
        #[arg(long, value_name = "TEXT", default_value = "")]
        only: String,
    },
    /// Break the protocol on purpose, mistake by mistake, and see that the checks notice
    Mutations {
        /// Only mistakes whose name contains this text, or that break exactly this, for example `way 4`
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Run cargo-mutants on the protocol
    Mutants {
        /// More arguments for `cargo mutants`
        #[arg(last = true)]
        extra: Vec<String>,
    },
    /// Internal: own the processes of a testbed until standard input ends
    #[command(hide = true)]
    Supervise,
}

#[derive(clap::Args)]
struct ChaosArguments {
    /// How long trouble is made; the calm after it takes up to five minutes more
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Makes the schedule: the same seed, the same schedule
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seconds of the emulated Azure pass in one
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=60))]
    time_scale: u32,
    /// Only print the schedule
    #[arg(long)]
    print: bool,
}

#[derive(clap::Args)]
struct ReplayArguments {
    /// Folder with recordings, one JSON file for each scenario
    #[arg(long, env = "AZURE_RECORDINGS_DIR", value_name = "DIR")]
    recordings: PathBuf,
    /// Only recordings whose name starts so; may be given several times
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// How many seconds of the recording pass in one
    #[arg(long, value_name = "N", default_value_t = Settings::default().time_scale,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    time_scale: u32,
    /// Cut longer pauses between two recorded reads of a job to this many seconds of the recording
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().longest_pause.as_secs())]
    longest_pause: i64,
}

#[derive(clap::Args)]
struct CrashMatrixArguments {
    /// Only this type: RestoreDisks, OriginalLocation or AlternateLocation; may be given several times
    #[arg(long = "type", value_name = "NAME", value_parser = RestoreType::parse)]
    types: Vec<RestoreType>,
    /// Only this path: happy, lost-answer, failed-job, deletion, late-list or machine-appears; may be given several times
    #[arg(long = "path", value_name = "NAME", value_parser = crash::Path::parse)]
    paths: Vec<crash::Path>,
    /// Only second crashes: each while the controller recovers from a first one
    #[arg(long, conflicts_with = "paths")]
    twice: bool,
    /// Only print the boundaries
    #[arg(long)]
    list: bool,
    /// Only crashes whose line contains this text, for example `TriggerRestore`
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Runs at the same time
    #[arg(long, value_name = "N", default_value_t = CrashSettings::default().parallel)]
    parallel: usize,
    /// How many seconds of the emulator and the controller pass in one
    #[arg(long, value_name = "N", default_value_t = CrashSettings::default().time_scale,
          value_parser = clap::value_parser!(u32).range(1..=600))]
    time_scale: u32,
}

fn main() -> ExitCode {
    testbed::install_crypto_provider();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Controlplane { print } => controlplane(print),
        Command::Serve => block_on(serve()),
        Command::Demo => block_on(demo()),
        Command::Playground => block_on(playground()),
        Command::Replay(arguments) => block_on(replay(arguments)),
        Command::SdkCheck { if_possible } => block_on(sdk_check(if_possible)),
        Command::AzCheck => block_on(az_check()),
        Command::CrashMatrix(arguments) => block_on(crash_matrix(arguments)),
        Command::Chaos(arguments) => block_on(chaos(arguments)),
        Command::Model {
            schedules,
            first_seed,
        } => testbed::model::run(&Model::Schedules {
            count: schedules,
            first: first_seed,
        })
        .map(exit_code),
        Command::Explore { only } => testbed::model::run(&Model::Worlds { only }).map(exit_code),
        Command::Mutations { only } => testbed::mutations::run(only.as_deref()).map(exit_code),
        Command::Mutants { extra } => testbed::mutations::run_cargo_mutants(&extra).map(exit_code),
        Command::Supervise => return supervise(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("testbed: {}", testbed::chain(&error));
        ExitCode::FAILURE
    })
}

fn controlplane(print: bool) -> Result<ExitCode, testbed::TestbedError> {
    let folder = if print {
        testbed::assets::folder()?
    } else {
        testbed::assets::build()?
    };
    println!("{}", folder.display());
    Ok(ExitCode::SUCCESS)
}

async fn serve() -> Result<ExitCode, testbed::TestbedError> {
    let plane = testbed::ControlPlane::start().await?;
    let [supervisor, etcd, api_server] = plane.pids();
    println!("export KUBECONFIG={}", plane.kubeconfig().display());
    println!("pids {supervisor} {etcd} {api_server}");
    // Without a handler for Ctrl-C the process would still leave nothing behind; with it, it waits for that.
    let _ = tokio::signal::ctrl_c().await;
    plane.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C ends the demo; the supervisor then stops what runs.
async fn demo() -> Result<ExitCode, testbed::TestbedError> {
    Ok(exit_code(testbed::demo::demo().await?))
}

async fn playground() -> Result<ExitCode, testbed::TestbedError> {
    testbed::demo::playground().await?;
    Ok(ExitCode::SUCCESS)
}

async fn replay(arguments: ReplayArguments) -> Result<ExitCode, testbed::TestbedError> {
    let settings = Settings {
        time_scale: arguments.time_scale,
        longest_pause: SignedDuration::from_secs(arguments.longest_pause.max(1)),
        ..Settings::default()
    };
    println!(
        "playing {}: {} seconds in one, pauses cut to {} s",
        arguments.recordings.display(),
        settings.time_scale,
        settings.longest_pause.as_secs()
    );
    let show = |outcome: &testbed::replay::Outcome| {
        outcome.lines().iter().for_each(|line| println!("{line}"))
    };
    let outcomes =
        testbed::replay::run_all(&arguments.recordings, &arguments.scenarios, &settings, show)
            .await?;
    println!("{}", testbed::replay::summary(&outcomes));
    let good = outcomes.iter().all(testbed::replay::Outcome::is_good);
    Ok(exit_code(good))
}

async fn sdk_check(if_possible: bool) -> Result<ExitCode, testbed::TestbedError> {
    let python = match Client::PythonSdk.python() {
        Ok(python) => python,
        Err(error) if if_possible => {
            println!(
                "sdk-check: SKIPPED, Microsoft's Python SDK was not run against the emulator: {}",
                testbed::chain(&error)
            );
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    Ok(exit_code(Client::PythonSdk.check(&python).await?))
}

async fn az_check() -> Result<ExitCode, testbed::TestbedError> {
    let python = Client::CommandLine.python()?;
    Ok(exit_code(Client::CommandLine.check(&python).await?))
}

/// Everything that exists, unless the arguments name a part of it.
async fn crash_matrix(arguments: CrashMatrixArguments) -> Result<ExitCode, testbed::TestbedError> {
    let settings = CrashSettings {
        time_scale: arguments.time_scale,
        parallel: arguments.parallel,
        only: arguments.only,
        ..CrashSettings::default()
    };
    let show = |result: &crash::RunResult| eprintln!("{}", crash::line(result));
    let mut matrices = Vec::new();
    let plane = testbed::ControlPlane::start().await?;
    for restore in RestoreType::ALL {
        for path in crash::Path::ALL {
            let is_named = arguments.paths.is_empty() || arguments.paths.contains(&path);
            let is_happy = path == crash::Path::Happy;
            let is_named = is_named
                && path.is_of(restore)
                && (arguments.types.is_empty() || arguments.types.contains(&restore));
            if !is_named || arguments.twice && !is_happy {
                continue;
            }
            let recording = crash::Recording::of(&plane, (restore, path), &settings).await?;
            if arguments.list {
                println!("{}, path {}:", restore.as_str(), path.as_str());
                for boundary in recording.boundaries() {
                    println!("  {boundary}");
                }
                continue;
            }
            if !arguments.twice {
                let matrix = recording.crashed(Vec::new(), show).await;
                print_matrix(&matrix);
                matrices.push(matrix);
            }
            if is_happy && arguments.paths.is_empty() {
                for standpoint in crash::Standpoint::ALL {
                    let matrix = recording.crashed_twice(standpoint, show).await?;
                    print_matrix(&matrix);
                    matrices.push(matrix);
                }
            }
        }
    }
    plane.stop().await;
    for matrix in &matrices {
        println!("{}", crash::summary(matrix));
    }
    // A part of the crashes may have none on some path; all of them must not be none.
    matrices.retain(|matrix| !matrix.results.is_empty());
    let good = matrices.iter().all(crash::Matrix::is_good);
    Ok(exit_code(good && (arguments.list || !matrices.is_empty())))
}

fn print_matrix(matrix: &crash::Matrix) {
    println!("{}", crash::lines(matrix).join("\n"));
    println!("{}", crash::summary(matrix));
}

/// Ctrl-C ends the soak without a report; the supervisor then stops what runs.
async fn chaos(arguments: ChaosArguments) -> Result<ExitCode, testbed::TestbedError> {
    let settings = testbed::chaos::Settings {
        minutes: arguments.minutes,
        seed: arguments.seed,
        time_scale: arguments.time_scale,
        only_print: arguments.print,
    };
    Ok(exit_code(testbed::chaos::run(settings).await?))
}

fn exit_code(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn block_on(
    work: impl Future<Output = Result<ExitCode, testbed::TestbedError>>,
) -> Result<ExitCode, testbed::TestbedError> {
    runtime()?.block_on(work)
}

fn supervise() -> ExitCode {
    let Ok(runtime) = runtime() else {
        return ExitCode::FAILURE;
    };
    let result = runtime.block_on(testbed::run_supervisor());
    // A thread may still be blocked on standard input; it must not hold up the end.
    runtime.shutdown_background();
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, testbed::TestbedError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| testbed::TestbedError::Io {
            what: "start a runtime".to_owned(),
            source,
        })
}
