//! The command line. Every flag of `run` is an environment variable too: `VMRESTORE_` and the
//! flag's name. All values are checked here, so that a mistake is one line at the start and not a
//! surprise an hour later.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use super::telemetry::LogFormat;

/// Shortest adoption window that is safe.
///
/// It has to outlast everything that may delay the sight of an accepted restore: a claim lives
/// 30 s, its request may take 100 s, Azure was recorded to show the operation up to 66 s and the
/// job up to 186 s late: 382 s. The rest is for clocks that differ.
pub const SHORTEST_ADOPTION_WINDOW: SignedDuration = SignedDuration::from_mins(10);

const ABOUT: &str = "Restores Azure VMs from Azure Backup, declared as Kubernetes resources";

const EXAMPLES: &str = "\
Examples:
  # In a cluster (deploy/ and charts/vmrestore start it like this)
  vmrestore-controller run --log-format json

  # From a laptop, for two namespaces, with readable logs
  vmrestore-controller run --kubeconfig ~/.kube/config \\
      --namespace team-a --namespace team-b --listen 127.0.0.1:8080

  # Install the CustomResourceDefinitions
  vmrestore-controller crds | kubectl apply --server-side -f -

Exit codes: 0 ended as asked, 1 could not go on, 2 wrong usage.";

const RUN_NOTES: &str = "\
Durations are numbers with units: 30s, 15m, 1h30m.
A flag that may be given several times takes a comma-separated list in its environment variable.
A flag on the command line wins over its environment variable.
The log goes to standard error; VMRESTORE_LOG (or RUST_LOG) filters it, for example
VMRESTORE_LOG=info,vmrestore=debug.

Signals: SIGTERM and SIGINT finish the passes that are running and exit; a second one exits at once.
A restore that Azure has accepted goes on without the controller and is found again at the next start.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "vmrestore-controller", version, about = ABOUT, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller until it is told to stop
    #[command(after_help = RUN_NOTES)]
    Run(RunArguments),
    /// Print the CustomResourceDefinitions as YAML, or write them into a directory
    Crds(CrdsArguments),
}

/// `vmrestore-controller run`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RunArguments {
    /// Kubeconfig file of the cluster to work for
    ///
    /// Default: the one that kubectl would use ($KUBECONFIG, then ~/.kube/config), or the
    /// ServiceAccount of the pod in a cluster.
    #[arg(long, env = "VMRESTORE_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace to work for; may be given several times
    ///
    /// Both the VmRestores and the RecoveryServicesVaults of these namespaces, so name those of the
    /// vaults too. Default: all namespaces.
    #[arg(long = "namespace", env = "VMRESTORE_NAMESPACE", value_name = "NAMESPACE",
          value_delimiter = ',', value_parser = namespace)]
    pub namespaces: Vec<String>,

    /// Name of this installation, which every run's identity is made from
    ///
    /// Default: the UID of the cluster's kube-system namespace, which is what you want, except when
    /// a rebuilt cluster shall recognize the restores of its predecessor: then give both the same
    /// name. Never let two clusters use one scope at the same time: each could start what the other
    /// has started.
    #[arg(long, env = "VMRESTORE_SCOPE", value_name = "ID", value_parser = scope)]
    pub scope: Option<String>,

    /// Number of objects that are worked on at the same time (1 to 1024)
    #[arg(long, env = "VMRESTORE_CONCURRENCY", value_name = "NUMBER", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,

    /// Address and port of /healthz, /readyz and /metrics
    ///
    /// The default listens on all addresses, because the kubelet probes the pod's own one; nothing
    /// there is secret. On a laptop use 127.0.0.1:8080. Port 0 picks a free port; the log tells
    /// which.
    #[arg(
        long,
        env = "VMRESTORE_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "[::]:8080"
    )]
    pub listen: SocketAddr,

    /// How log lines look
    #[arg(
        long,
        env = "VMRESTORE_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// PEM file with further certificate authorities to trust for connections to Azure
    ///
    /// For a proxy that inspects TLS, an Azure Stack or an emulator. The usual authorities stay
    /// trusted.
    #[arg(long, env = "VMRESTORE_AZURE_CA_FILE", value_name = "FILE")]
    pub azure_ca_file: Option<PathBuf>,

    /// Host that vaults with `cloud: Custom` may name as an endpoint; may be given several times
    ///
    /// A host, or host:port; a host alone allows all its ports. Credentials are sent there on behalf
    /// of whoever may write a RecoveryServicesVault, so name the port if other programs listen on
    /// that host. Default: none. The public Azure clouds need no entry.
    #[arg(
        long = "allow-azure-host",
        env = "VMRESTORE_ALLOW_AZURE_HOST",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub allow_azure_hosts: Vec<AllowedHost>,

    /// How long to look for a restore whose outcome is unknown before it counts as not started
    ///
    /// At least 10m. Shorter risks a second restore, longer delays the retry of a lost request.
    #[arg(long, env = "VMRESTORE_ADOPTION_WINDOW", value_name = "DURATION",
          default_value = "15m", value_parser = adoption_window)]
    pub adoption_window: SignedDuration,

    /// For tests: let time pass this many times faster; only with vaults of the Custom cloud
    #[arg(long, env = "VMRESTORE_TIME_SCALE", value_name = "FACTOR", default_value_t = 1,
          hide = true, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub time_scale: u32,

    /// For tests: the instant at which the faster clock and the real one agree; default: the start
    #[arg(long, env = "VMRESTORE_TIME_ORIGIN", value_name = "TIME", hide = true)]
    pub time_origin: Option<jiff::Timestamp>,
}

/// `vmrestore-controller crds`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CrdsArguments {
    /// Directory to write one file per CustomResourceDefinition into; default: standard output
    #[arg(long, value_name = "DIRECTORY")]
    pub out: Option<PathBuf>,
}

/// A host that may be named as an Azure endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// DNS name or IP address in lower case; an IPv6 address without its brackets.
    pub host: String,
    /// The only port that is meant; `None` = all ports of the host.
    pub port: Option<u16>,
}

impl std::fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = &self.host;
        let bracket = if host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{}{host}{}", bracket.0, bracket.1)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl std::str::FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const REMEDY: &str = "write a host or host:port, for example arm.example.com or \
                              127.0.0.1:8443, without https:// and without a path";
        let refused = || REMEDY.to_owned();

        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or_else(refused)?;
                let address: std::net::Ipv6Addr = address.parse().map_err(|_| refused())?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err(refused()),
                };
                (address.to_string(), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
                None => (text.to_ascii_lowercase(), None),
            },
        };
        if !text.starts_with('[') && !is_dns_name(&host) {
            return Err(refused());
        }
        let port = match port {
            None => None,
            Some(digits) => match digits.parse::<u16>() {
                Ok(number) if number > 0 => Some(number),
                _ => return Err(refused()),
            },
        };
        Ok(Self { host, port })
    }
}

/// RFC 1123 labels with dots between them; an IPv4 address has that form too.
fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

fn is_dns_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
}

fn namespace(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        Ok(text.to_owned())
    } else {
        Err(
            "a namespace consists of lower-case letters, digits and hyphens, 63 at most, \
             for example team-a"
                .to_owned(),
        )
    }
}

fn scope(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && (1..=253).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(
            "write 1 to 253 visible ASCII characters without blanks, for example prod-westeurope"
                .to_owned(),
        )
    }
}

fn adoption_window(text: &str) -> Result<SignedDuration, String> {
    let window: SignedDuration = text
        .parse()
        .map_err(|_| "write numbers with units, for example 15m or 1h30m".to_owned())?;
    if window < SHORTEST_ADOPTION_WINDOW {
        return Err(
            "the shortest safe window is 10m: within it a restore that Azure accepted may still be \
             invisible, and a second one would be started"
                .to_owned(),
        );
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(flags: &[&str]) -> Result<RunArguments, String> {
        let line = ["vmrestore-controller", "run"].iter().chain(flags);
        match Arguments::try_parse_from(line) {
            Ok(Arguments {
                command: Command::Run(arguments),
            }) => Ok(arguments),
            Ok(other) => panic!("not run: {other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let arguments = run(&[]).expect("no flag is required");

        assert_eq!(arguments.concurrency, 16);
        assert_eq!(arguments.listen.to_string(), "[::]:8080");
        assert_eq!(arguments.adoption_window, SignedDuration::from_mins(15));
        assert_eq!(arguments.log_format, LogFormat::Text);
        assert_eq!(arguments.time_scale, 1);
        assert!(arguments.namespaces.is_empty() && arguments.allow_azure_hosts.is_empty());
    }

    #[test]
    fn every_flag_of_run_is_an_environment_variable_of_that_name() {
        let command = Arguments::command();
        let run = command.find_subcommand("run").expect("run exists");

        for argument in run.get_arguments().filter(|each| each.get_id() != "help") {
            let flag = argument.get_long().expect("flags have long names");
            let wanted = format!("VMRESTORE_{}", flag.to_uppercase().replace('-', "_"));
            let variable = argument.get_env().map(|name| name.to_string_lossy());
            assert_eq!(variable.as_deref(), Some(wanted.as_str()));
            assert!(
                argument.get_help().is_some(),
                "--{flag} does not explain itself"
            );
        }
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        for (text, seconds) in [("15m", 900), ("1h30m", 5400), ("600s", 600)] {
            let arguments = run(&["--adoption-window", text]).expect(text);
            assert_eq!(arguments.adoption_window.as_secs(), seconds);
        }
    }

    #[test]
    fn a_window_below_the_minimum_is_refused_with_the_reason() {
        let error = run(&["--adoption-window", "9m59s"]).expect_err("too short");

        assert!(error.contains("shortest safe window is 10m"), "{error}");
    }

    #[test]
    fn a_window_without_a_unit_is_refused_with_an_example() {
        for text in ["900", "soon", "-15m", "1d"] {
            let flag = format!("--adoption-window={text}");
            assert!(run(&[&flag]).is_err(), "{text} was accepted");
        }
        let error = run(&["--adoption-window", "900"]).expect_err("no unit");
        assert!(error.contains("for example 15m"), "{error}");
    }

    #[test]
    fn flags_that_repeat_add_up() {
        let arguments = run(&[
            "--namespace",
            "team-a",
            "--namespace=team-b",
            "--allow-azure-host",
            "Arm.Example.com",
            "--allow-azure-host=127.0.0.1:8443,[::1]:9443",
        ])
        .expect("valid");

        assert_eq!(arguments.namespaces, ["team-a", "team-b"]);
        let hosts: Vec<_> = arguments
            .allow_azure_hosts
            .iter()
            .map(|each| (each.host.as_str(), each.port))
            .collect();
        assert_eq!(
            hosts,
            [
                ("arm.example.com", None),
                ("127.0.0.1", Some(8443)),
                ("::1", Some(9443))
            ]
        );
    }

    #[test]
    fn what_is_no_host_is_refused_with_an_example() {
        for text in [
            "https://arm.example.com",
            "arm.example.com/path",
            "*.example.com",
            "arm.example.com:0",
            "arm.example.com:70000",
            "::1",
            "[::1",
            "[::1]x",
            "user@arm.example.com",
            ".example.com",
            "",
        ] {
            let error = run(&["--allow-azure-host", text]).expect_err(text);
            assert!(error.contains("write a host or host:port"), "{error}");
        }
    }

    #[test]
    fn bad_names_and_numbers_are_refused() {
        for flag in [
            "--namespace=Team",
            "--namespace=a/b",
            "--scope=",
            "--scope=two words",
            "--concurrency=0",
            "--concurrency=many",
            "--listen=8080",
            "--time-scale=0",
            "--log-format=xml",
        ] {
            assert!(run(&[flag]).is_err(), "{flag} was accepted");
        }
    }
}
