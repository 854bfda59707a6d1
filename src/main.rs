//! `vmrestore-controller`: reads the command line, runs, and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use vmrestore::process::admin::{Admin, Readiness};
use vmrestore::process::args::{Arguments, Command, RunArguments};
use vmrestore::process::metrics::Metrics;
use vmrestore::process::shutdown::Shutdown;
use vmrestore::process::{one_line, telemetry, tls};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    tls::install_provider();
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Crds(_) => Err("cannot print the CustomResourceDefinitions: none yet".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vmrestore-controller: {}", one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: RunArguments) -> Result<(), Failure> {
    telemetry::start(arguments.log_format)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments))
}

async fn serve(arguments: RunArguments) -> Result<(), Failure> {
    let (_trigger, shutdown) = Shutdown::on_signals()?;
    let admin = Admin::bind(arguments.listen).await?;
    let readiness = Readiness::awaiting(["CustomResourceDefinitions", "watch"]);
    let until = async move { shutdown.requested().await };
    admin.serve(Metrics::new(), readiness, until).await?;
    Ok(())
}
