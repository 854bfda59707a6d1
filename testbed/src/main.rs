//! `testbed`: the command line of the testbed.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A real Kubernetes control plane, the Azure emulator and the controller, on loopback.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build etcd, kube-apiserver and kubectl into the user's cache, once per machine
    Controlplane {
        /// Only print the folder
        #[arg(long)]
        print: bool,
    },
    /// Keep a control plane running until Ctrl-C, without emulator and controller
    Serve,
    /// Internal: own the processes of a testbed until standard input ends
    #[command(hide = true)]
    Supervise,
}

fn main() -> ExitCode {
    testbed::install_crypto_provider();
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Controlplane { print } => controlplane(print),
        Command::Serve => block_on(serve()),
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
