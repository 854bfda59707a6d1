//! What we ship agrees with the code and with itself: manifests, chart, image.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use serde_json::Value;
use vmrestore::process::args::{Arguments, Command};

use super::{expect_none, files, root, text};

fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn deployed() -> Vec<Value> {
    let listed = &documents("deploy/kustomization.yaml")[0]["resources"];
    let names = listed.as_array().expect("a list of files").iter();
    names
        .flat_map(|name| documents(&format!("deploy/{}", name.as_str().expect("a name"))))
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

fn strings(list: &Value) -> Vec<&str> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

#[test]
fn every_manifest_is_listed_for_kustomize() {
    let listed: BTreeSet<String> = strings(&documents("deploy/kustomization.yaml")[0]["resources"])
        .into_iter()
        .map(str::to_owned)
        .collect();
    let present: BTreeSet<String> = files("deploy", &[".yaml"])
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| name != "kustomization.yaml")
        .collect();

    assert_eq!(listed, present);
}

#[test]
fn the_deployment_starts_the_controller_with_flags_that_it_knows() {
    let objects = deployed();
    let deployment = of_kind(&objects, "Deployment")
        .next()
        .expect("a Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];

    let line = ["vmrestore-controller"]
        .into_iter()
        .chain(strings(&container["args"]));
    let arguments = Arguments::try_parse_from(line).expect("valid arguments");

    let Command::Run(run) = arguments.command else {
        panic!("the deployment does not run the controller");
    };
    let port = &container["ports"][0];
    assert_eq!(port["containerPort"], run.listen.port());
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], port["name"]);
    }
}

#[test]
fn rights_are_spelled_out_and_secrets_are_never_listed() {
    let objects = deployed();
    let mut findings = Vec::new();
    for role in of_kind(&objects, "ClusterRole").chain(of_kind(&objects, "Role")) {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        for rule in role["rules"].as_array().expect("rules") {
            let verbs = strings(&rule["verbs"]);
            let resources = strings(&rule["resources"]);
            if rule.to_string().contains('*') {
                findings.push(format!("{name} has a wildcard: {rule}"));
            }
            let reads_secrets = resources.contains(&"secrets");
            if reads_secrets && (name != "vmrestore-credentials-reader" || verbs != ["get"]) {
                findings.push(format!("{name} has more of Secrets than get: {rule}"));
            }
        }
    }
    expect_none(&findings, "rights that nobody should have:");

    let local: Vec<&str> = of_kind(&objects, "RoleBinding")
        .filter_map(|binding| binding["roleRef"]["name"].as_str())
        .collect();
    assert_eq!(
        local,
        ["vmrestore-controller-locks"],
        "in the controller's own namespace"
    );

    let bound: Vec<&str> = of_kind(&objects, "ClusterRoleBinding")
        .filter_map(|binding| binding["roleRef"]["name"].as_str())
        .collect();
    let defined: Vec<&str> = of_kind(&objects, "ClusterRole")
        .filter_map(|role| role["metadata"]["name"].as_str())
        .collect();
    assert!(bound.iter().all(|name| defined.contains(name)), "{bound:?}");
    assert!(!bound.contains(&"vmrestore-credentials-reader"));
}

#[test]
fn the_controller_may_look_for_every_definition_by_its_name() {
    let objects = deployed();
    let allowed: BTreeSet<String> = of_kind(&objects, "ClusterRole")
        .flat_map(|role| role["rules"].as_array().expect("rules"))
        .filter(|rule| strings(&rule["resources"]) == ["customresourcedefinitions"])
        .flat_map(|rule| strings(&rule["resourceNames"]))
        .map(str::to_owned)
        .collect();
    let defined: BTreeSet<String> = files("crds", &[".yaml"])
        .iter()
        .flat_map(|path| documents(&path.to_string_lossy()))
        .filter_map(|definition| Some(definition["metadata"]["name"].as_str()?.to_owned()))
        .collect();

    assert_eq!(allowed, defined);
}

#[test]
fn the_chart_grants_and_confines_like_the_manifests() {
    let blocks_of = |path: &str, keys: &[&str]| -> Vec<String> {
        let yaml = text(path);
        keys.iter().flat_map(|key| blocks(&yaml, key)).collect()
    };
    let chart = |name: &str| format!("charts/vmrestore/templates/{name}");

    assert_eq!(
        blocks_of("deploy/rbac.yaml", &["rules"]),
        blocks_of(&chart("rbac.yaml"), &["rules"])
    );
    let confined = [
        "securityContext",
        "livenessProbe",
        "readinessProbe",
        "strategy",
        "selector",
        "ports",
    ];
    assert_eq!(
        blocks_of("deploy/controller.yaml", &confined),
        blocks_of(&chart("controller.yaml"), &confined)
    );
}

#[test]
fn the_chart_uses_values_and_flags_that_exist() {
    let values = &documents("charts/vmrestore/values.yaml")[0];
    let schema: Value =
        serde_json::from_str(&text("charts/vmrestore/values.schema.json")).expect("JSON");
    let command = Arguments::command();
    let run = command.find_subcommand("run").expect("run exists");
    let flags: BTreeSet<&str> = run
        .get_arguments()
        .filter_map(|each| each.get_long())
        .collect();
    let mut findings = Vec::new();

    for path in files("charts/vmrestore/templates", &[".yaml", ".tpl"]) {
        let template = text(&path);
        for used in template.split(".Values.").skip(1) {
            let end = used.find(|c: char| !(c.is_alphanumeric() || c == '.'));
            let used = &used[..end.unwrap_or(used.len())];
            let pointer = format!("/{}", used.replace('.', "/"));
            if values.pointer(&pointer).is_none() {
                findings.push(format!("{}: no value {used}", path.display()));
            }
        }
        for (at, _) in template.match_indices("--") {
            let flag: &str = &template[at + 2..];
            let end = flag.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
            let flag = &flag[..end.unwrap_or(flag.len())];
            let is_flag = flag.starts_with(|c: char| c.is_ascii_lowercase());
            if is_flag && !flags.contains(flag) {
                findings.push(format!("{}: no flag --{flag}", path.display()));
            }
        }
    }
    for name in values.as_object().expect("values").keys() {
        if schema["properties"].get(name).is_none() {
            findings.push(format!("values.schema.json does not know {name}"));
        }
    }

    expect_none(&findings, "chart, values and command line disagree:");
}

#[test]
fn the_chart_ships_the_definitions_themselves_and_this_version() {
    let linked = root().join("charts/vmrestore/crds");
    assert_eq!(
        linked.canonicalize().expect("a link to crds/"),
        root().join("crds").canonicalize().expect("crds/")
    );

    let chart = &documents("charts/vmrestore/Chart.yaml")[0];
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert!(text("deploy/controller.yaml").contains(&format!(
        "image: vmrestore-controller:{}",
        env!("CARGO_PKG_VERSION")
    )));
}

#[test]
fn the_image_is_built_with_our_toolchain_by_our_make() {
    let dockerfile = text("Dockerfile");
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .expect("a channel")
        .trim_matches('"');

    assert!(dockerfile.contains(&format!("FROM docker.io/library/rust:{channel}-")));
    assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={channel}")));

    let makefile = text("Makefile");
    let targets: Vec<&str> = dockerfile
        .lines()
        .filter(|line| line.starts_with("RUN "))
        .flat_map(|line| line.split("make ").skip(1))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(targets, ["build-release"]);
    let recipe = blocks(&makefile, "build-release").join("\n");
    assert!(
        recipe.contains("--release") && recipe.contains("--locked"),
        "make build-release has to build what Cargo.lock says: {recipe}"
    );
    assert!(dockerfile.contains("/target/release/vmrestore-controller"));
}

/// What is indented below each line `key:…`, without that indentation and without comments.
fn blocks(yaml: &str, key: &str) -> Vec<String> {
    let lines: Vec<&str> = yaml.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let starts = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with(&format!("{key}:")));
    starts
        .map(|(at, start)| {
            lines[at + 1..]
                .iter()
                .take_while(|line| line.trim().is_empty() || indent(line) > indent(start))
                .map(|line| line.get(indent(start)..).unwrap_or_default())
                .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect()
}
