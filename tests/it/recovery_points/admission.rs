//! What the API server says to a selector before any controller sees it.

use crate::support::installed_control_plane;
use crate::support::objects::a_restore;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

async fn restores(prefix: &str) -> Api<DynamicObject> {
    let plane = installed_control_plane().await;
    let namespace = plane.namespace(prefix).await.unwrap();
    let kind = GroupVersionKind::gvk("azurebackup.dev", "v1alpha1", "VmRestore");
    Api::namespaced_with(plane.client(), &namespace, &ApiResource::from_gvk(&kind))
}

fn with_selector(selector: &Value) -> DynamicObject {
    let restore = a_restore("candidate", "testRG/testVM").with("recoveryPoint", selector.clone());
    serde_json::from_value(restore.json().clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_is_checked_and_each_refusal_says_what_to_write() {
    let api = restores("selector").await;
    let alone = "recoveryPoint.name stands for exactly one recovery point: remove atOrBefore, notBefore, minConsistency and tier";
    let order = "recoveryPoint.notBefore is later than recoveryPoint.atOrBefore, so no recovery point can be between them: write an earlier notBefore, or a later atOrBefore";
    let at_or_before = "recoveryPoint.atOrBefore must be a date and time with a zone: write for example 2018-06-04T06:06:01Z";
    let not_before = "recoveryPoint.notBefore must be a date and time with a zone: write for example 2018-06-01T00:00:00Z";
    let cases = [
        // each field alone, and all that go together
        (json!({}), None),
        (json!({"name": "20982486783671"}), None),
        (json!({"atOrBefore": "2018-06-04T06:06:01Z"}), None),
        (
            json!({"atOrBefore": "2018-06-04T06:06:01.5121087+02:00"}),
            None,
        ),
        (json!({"notBefore": "2018-06-01T00:00:00Z"}), None),
        (json!({"minConsistency": "AppConsistent"}), None),
        (json!({"minConsistency": "FileSystemConsistent"}), None),
        (json!({"minConsistency": "CrashConsistent"}), None),
        (json!({"tier": "Any"}), None),
        (json!({"tier": "Snapshot"}), None),
        (json!({"tier": "VaultStandard"}), None),
        (json!({"tier": "VaultArchive"}), None),
        (
            json!({
                "atOrBefore": "2018-06-04T06:06:01Z", "notBefore": "2018-06-01T00:00:00Z",
                "minConsistency": "AppConsistent", "tier": "Snapshot",
            }),
            None,
        ),
        // a name stands alone
        (json!({"name": "1", "tier": "Any"}), None),
        (json!({"name": "1", "tier": "Snapshot"}), Some(alone)),
        (
            json!({"name": "1", "atOrBefore": "2018-06-04T06:06:01Z"}),
            Some(alone),
        ),
        (
            json!({"name": "1", "notBefore": "2018-06-04T06:06:01Z"}),
            Some(alone),
        ),
        (
            json!({"name": "1", "minConsistency": "AppConsistent"}),
            Some(alone),
        ),
        // times in order, whatever their zone
        (
            json!({"atOrBefore": "2018-06-01T00:00:00Z", "notBefore": "2018-06-01T00:00:00Z"}),
            None,
        ),
        (
            json!({"atOrBefore": "2018-06-01T00:00:00Z", "notBefore": "2018-06-01T01:59:59+02:00"}),
            None,
        ),
        (
            json!({"atOrBefore": "2018-06-01T00:00:00Z", "notBefore": "2018-06-01T00:00:00.1Z"}),
            Some(order),
        ),
        (
            json!({"atOrBefore": "2018-06-01T00:00:00+02:00", "notBefore": "2018-06-01T00:00:00Z"}),
            Some(order),
        ),
        // times with a zone
        (
            json!({"atOrBefore": "2018-06-04T06:06:01"}),
            Some(at_or_before),
        ),
        (json!({"atOrBefore": "2018-06-04"}), Some(at_or_before)),
        (
            json!({"atOrBefore": "2018-13-04T06:06:01Z"}),
            Some("recoveryPoint.atOrBefore"),
        ),
        (json!({"atOrBefore": ""}), Some(at_or_before)),
        (
            json!({"atOrBefore": 1528092361}),
            Some("spec.recoveryPoint.atOrBefore"),
        ),
        (
            json!({"atOrBefore": format!("2018-06-04T06:06:01.{}Z", "1".repeat(40))}),
            Some("spec.recoveryPoint.atOrBefore"),
        ),
        (
            json!({"notBefore": "2018-06-04T06:06:01"}),
            Some(not_before),
        ),
        (json!({"notBefore": "yesterday"}), Some(not_before)),
        // words as they are
        (
            json!({"minConsistency": "appconsistent"}),
            Some("supported values: \"AppConsistent\""),
        ),
        (
            json!({"tier": "InstantRP"}),
            Some("supported values: \"Any\""),
        ),
        (json!({"tier": ""}), Some("supported values: \"Any\"")),
    ];

    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut wrong = Vec::new();
    for (selector, expected) in cases {
        let answer = api.create(&dry_run, &with_selector(&selector)).await;
        match (answer, expected) {
            (Ok(_), None) => {}
            (Err(kube::Error::Api(refusal)), Some(text)) if refusal.message.contains(text) => {}
            (Ok(_), Some(text)) => wrong.push(format!("{selector} is taken, not refused: {text}")),
            (Err(error), expected) => wrong.push(format!("{selector}: {expected:?}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_never_changes_and_its_tier_has_a_default() {
    let api = restores("frozen-selector").await;
    let selector = json!({"atOrBefore": "2018-06-04T06:06:01Z", "minConsistency": "AppConsistent"});
    let created = api
        .create(&PostParams::default(), &with_selector(&selector))
        .await
        .unwrap();

    assert_eq!(created.data["spec"]["recoveryPoint"]["tier"], "Any");
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    for change in [
        json!({"atOrBefore": "2018-06-05T06:06:01Z"}),
        json!({"atOrBefore": null}),
        json!({"notBefore": "2018-06-01T00:00:00Z"}),
        json!({"minConsistency": "CrashConsistent"}),
        json!({"minConsistency": null}),
        json!({"tier": "Snapshot"}),
    ] {
        let patch = json!({"spec": {"recoveryPoint": change}});
        let refused = api
            .patch("candidate", &dry_run, &Patch::Merge(&patch))
            .await;
        let message = refused.expect_err(&change.to_string()).to_string();
        assert!(
            message.contains("create a new VmRestore instead"),
            "{message}"
        );
    }
    // The same written once more changes nothing.
    let same =
        json!({"spec": {"recoveryPoint": {"tier": "Any", "minConsistency": "AppConsistent"}}});
    let taken = api.patch("candidate", &dry_run, &Patch::Merge(&same)).await;
    assert!(taken.is_ok(), "{taken:?}");
}
