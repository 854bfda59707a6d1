//! The manifests of `examples/demo`: shown, filled in and applied.

use super::NAMESPACE;
use crate::{Testbed, TestbedError, repository};

pub(super) async fn apply_example(
    bed: &Testbed,
    name: &str,
    changes: &[(&str, &str)],
) -> Result<(), TestbedError> {
    let file = bed.plane.supervisor().folder().join(name);
    std::fs::write(&file, filled(bed, name, changes)?)
        .map_err(TestbedError::io(format!("write {}", file.display())))?;
    let renamed = if changes.is_empty() {
        ""
    } else {
        "   # under another name"
    };
    println!("  $ kubectl -n {NAMESPACE} apply -f examples/demo/{name}{renamed}");
    let path = file.display().to_string();
    for line in bed
        .plane
        .kubectl_ok(&["apply", "-n", NAMESPACE, "-f", &path])
        .await?
        .lines()
    {
        println!("  {line}");
    }
    Ok(())
}

pub(super) fn show_manifest(name: &str, changes: &[(&str, &str)]) -> Result<(), TestbedError> {
    println!();
    for line in changed(&example(name)?, changes)
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        println!("    {line}");
    }
    println!();
    Ok(())
}

/// An example with the emulator's addresses and principal in place of `${…}`.
fn filled(bed: &Testbed, name: &str, changes: &[(&str, &str)]) -> Result<String, TestbedError> {
    let ready = bed.emulator.ready();
    let values = [
        ("${HTTPS}", ready.https.as_str()),
        ("${SUBSCRIPTION_ID}", &ready.subscription_id),
        ("${TENANT_ID}", &ready.tenant_id),
        ("${CLIENT_ID}", &ready.client_id),
        ("${CLIENT_SECRET}", &ready.client_secret),
    ];
    Ok(changed(&changed(&example(name)?, &values), changes))
}

fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn example(name: &str) -> Result<String, TestbedError> {
    let path = repository().join("examples/demo").join(name);
    std::fs::read_to_string(&path).map_err(TestbedError::io(format!("read {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_examples_has_a_value() {
        let known = [
            "HTTPS",
            "SUBSCRIPTION_ID",
            "TENANT_ID",
            "CLIENT_ID",
            "CLIENT_SECRET",
        ];
        let text = example("vault.yaml").unwrap();

        let used: Vec<&str> = text
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name)
            .collect();

        assert!(
            used.iter()
                .filter(|name| **name != "...")
                .all(|name| known.contains(name)),
            "{used:?}"
        );
    }
}
