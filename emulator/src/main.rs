//! `azure-backup-emulator`: the command line.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use azure_backup_emulator::{BUILT_IN, Emulator, Scenario, Settings};
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Emulates Azure as far as restoring VMs from Azure Backup reaches: tokens, vaults, recovery points, restores, jobs.
///
/// Everything happens on loopback and in memory. Point a client's resource manager and authority at the printed
/// addresses, and let it trust the printed CA file.
#[derive(Parser)]
#[command(name = "azure-backup-emulator", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the emulator until Ctrl-C or SIGTERM.
    ///
    /// When it accepts requests it prints one line of JSON: http, https, caFile, tokenEndpoint, tenantId, clientId,
    /// clientSecret, subscriptionId. The principal in it may do everything. Logs go to stderr (RUST_LOG=debug shows
    /// each request). What tests see and change is below /_emulator/: ledger, requests, faults, clock, jobs, disks,
    /// scenario, tokens.
    #[command(
        after_help = "Examples:\n  azure-backup-emulator serve --state-dir /tmp/emulator\n  \
        azure-backup-emulator scenario > my.yaml   # then change it\n  \
        azure-backup-emulator serve --state-dir /tmp/emulator --scenario my.yaml --time-scale 60"
    )]
    Serve(Serve),
    /// Prints the built-in scenario as YAML, to start your own from.
    Scenario,
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen for HTTP; a loopback address, port 0 = a free one.
    #[arg(
        long,
        env = "EMULATOR_LISTEN",
        default_value = "127.0.0.1:0",
        value_name = "ADDR:PORT"
    )]
    listen: SocketAddr,
    /// Where to listen for HTTPS; a loopback address, port 0 = a free one.
    #[arg(
        long,
        env = "EMULATOR_TLS_LISTEN",
        default_value = "127.0.0.1:0",
        value_name = "ADDR:PORT"
    )]
    tls_listen: SocketAddr,
    /// Directory for the certificates, made if absent. Certificates that lie there are used again.
    #[arg(long, env = "EMULATOR_STATE_DIR", value_name = "DIR")]
    state_dir: PathBuf,
    /// What the emulated Azure contains and how it behaves; without it the built-in scenario.
    #[arg(long, env = "EMULATOR_SCENARIO", value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Lets the emulator's clock run so many times faster than real time. Answers then carry x-ms-retry-after-ms (in
    /// real milliseconds) instead of Retry-After. Tokens live in real time.
    #[arg(long, env = "EMULATOR_TIME_SCALE", default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    time_scale: u32,
    /// The instant at which the faster clock and the real one agree, like 2026-11-22T18:00:00Z; default: the start.
    /// Processes that are given the same origin and scale agree about the time.
    #[arg(long, env = "EMULATOR_TIME_ORIGIN", value_name = "TIME")]
    time_origin: Option<Timestamp>,
    /// Writes one answer of every shape into a file of this directory, without secrets, for holding them against
    /// Microsoft's OpenAPI afterwards.
    #[arg(long, env = "EMULATOR_ANSWERS_DIR", value_name = "DIR")]
    answers_dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Scenario => {
            print!("{BUILT_IN}");
            ExitCode::SUCCESS
        }
        Command::Serve(serve) => match run(serve).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("azure-backup-emulator: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

async fn run(serve: Serve) -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    // Before the ready line: a signal that comes right after it must find its handler.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let scenario = match &serve.scenario {
        None => Scenario::built_in()?,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            Scenario::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?
        }
    };
    let emulator = Emulator::start(Settings {
        listen: serve.listen,
        tls_listen: serve.tls_listen,
        state_dir: serve.state_dir,
        scenario,
        time_scale: serve.time_scale,
        time_origin: serve.time_origin,
        answers_dir: serve.answers_dir,
    })
    .await?;
    println!("{}", serde_json::to_string(emulator.ready())?);
    tracing::info!(
        http = emulator.ready().http,
        https = emulator.ready().https,
        scale = serve.time_scale,
        "ready"
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}
