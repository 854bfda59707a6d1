//! The command line: the ready line, signals, bad input.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use azure_backup_emulator::Scenario;
use serde_json::Value;

fn emulator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azure-backup-emulator"));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    emulator().args(arguments).output().unwrap()
}

fn one_line(stderr: &[u8]) -> String {
    let text = String::from_utf8(stderr.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn it_prints_one_line_when_ready_and_ends_well_on_sigterm() {
    let state = tempfile::tempdir().unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut child = emulator()
            .args(["serve", "--state-dir"])
            .arg(state.path())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();

        let ready: Value = serde_json::from_str(&line).unwrap();
        let killed = Command::new("kill")
            .arg(signal)
            .arg(child.id().to_string())
            .status()
            .unwrap();
        let ended = child.wait().unwrap();

        for field in [
            "http",
            "https",
            "caFile",
            "tokenEndpoint",
            "tenantId",
            "clientId",
            "clientSecret",
            "subscriptionId",
        ] {
            assert!(
                ready[field]
                    .as_str()
                    .is_some_and(|text| !text.is_empty() && !text.ends_with('/')),
                "{field}: {line}"
            );
        }
        assert!(
            std::fs::read_to_string(ready["caFile"].as_str().unwrap())
                .unwrap()
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
        assert!(killed.success());
        assert_eq!(ended.code(), Some(0), "{signal}");
        let mut rest = String::new();
        stdout.read_line(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing else is on stdout");
    }
}

#[test]
fn the_printed_scenario_can_be_given_back() {
    let printed = run(&["scenario"]);

    let text = String::from_utf8(printed.stdout).unwrap();

    assert!(printed.status.success());
    assert!(Scenario::parse(&text).is_ok());
}

#[test]
fn bad_input_gives_one_clear_line() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let scenario = format!("{state}/scenario.yaml");
    std::fs::write(&scenario, "tenants: []\nprincipals: []\nvaults: []\n").unwrap();

    let absent = run(&[
        "serve",
        "--state-dir",
        state,
        "--scenario",
        "/does/not/exist.yaml",
    ]);
    let unusable = run(&["serve", "--state-dir", state, "--scenario", &scenario]);
    let public = run(&["serve", "--state-dir", state, "--listen", "0.0.0.0:0"]);

    assert!(!absent.status.success() && one_line(&absent.stderr).contains("/does/not/exist.yaml"));
    assert!(!unusable.status.success() && one_line(&unusable.stderr).contains("no tenant"));
    assert!(
        !public.status.success() && one_line(&public.stderr).contains("not a loopback address")
    );
}

#[test]
fn the_help_teaches_what_it_prints() {
    let help = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();

    for word in [
        "tokenEndpoint",
        "EMULATOR_STATE_DIR",
        "--time-scale",
        "/_emulator/",
        "Examples:",
    ] {
        assert!(help.contains(word), "{word}");
    }
}
