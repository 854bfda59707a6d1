//! `vmrestore-controller`: reads the command line, runs, and turns the result into an exit code.

use std::process::ExitCode;

use clap::Parser;
use vmrestore::process::args::{Arguments, Command, RunArguments};
use vmrestore::process::{one_line, output, telemetry, tls};
use vmrestore::{api, app};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    tls::install_provider();
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Crds(arguments) => {
            output::print_or_write(&api::crd_yaml(), arguments.out.as_deref())
                .map_err(Failure::from)
        }
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(app::run(arguments))?)
}
