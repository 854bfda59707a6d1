//! An Azure, or somebody in its place, that points elsewhere or answers without end.

use super::SCALE;
use crate::support::eventually;
use crate::support::objects::{a_reader_binding, a_restore};
use crate::support::reading::{message, phase, reason};
use crate::support::world::World;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A host that nobody should call: its address, and how often it was called.
fn a_foreign_host() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (address, calls)
}

/// A VM and a restore of it, in a world whose Azure does this.
async fn restored_under(rules: Value, name: &str) -> (World, Value) {
    let world = World::builder(name).scale(SCALE).start().await;
    super::a_quick_vm(&world, name, super::point()).await;
    world.azure.set_faults(rules).await;
    let ended = world.run(&a_restore(name, &format!("testRG/{name}"))).await;
    (world, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_to_a_foreign_host_gets_neither_a_request_nor_a_token() {
    let (foreign, calls) = a_foreign_host();
    let rules: Vec<Value> = [
        "GetVault",
        "ListProtectedItems",
        "ListRecoveryPoints",
        "ListJobs",
        "GetVaultOperationStatus",
        "GetJob",
    ]
    .iter()
    .map(|operation| {
        let headers = json!({"Location": format!("http://{foreign}/{operation}")});
        json!({"match": {"operation": operation}, "action": {"answer": {"status": 307, "headers": headers, "body": ""}}})
    })
    .collect();

    let (world, ended) = restored_under(json!(rules), "redirected").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("redirected").await.len(), 1);
    assert!(world.azure.faults_applied().await >= 4);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_on_a_foreign_host_is_asked_of_the_vault() {
    let (foreign, calls) = a_foreign_host();
    let there = format!(
        "http://{foreign}/subscriptions/s/backupOperations/11111111-1111-4111-8111-111111111111?api-version=2019-05-13"
    );
    let headers = json!({"Azure-AsyncOperation": there, "Location": there});
    let rules = json!([{"match": {"operation": "TriggerRestore"}, "action": {"when": "afterEffect", "setHeaders": headers}}]);

    let (world, ended) = restored_under(rules, "lured-away").await;

    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("lured-away").await.len(), 1);
    assert!(world.azure.count("GetVaultOperationStatus").await >= 1);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

const MEGABYTES: usize = 100;

/// In place of Azure Resource Manager: begins to answer each request with 100 MB, and counts the bytes that were taken.
fn an_endless_azure() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = Arc::new(AtomicUsize::new(0));
    let counted = answers.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let counted = counted.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut request = [0; 8192];
                if stream.read(&mut request).unwrap_or_default() == 0 {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    MEGABYTES * 1024 * 1024
                );
                let filler = [b' '; 1024 * 1024];
                let mut sent = stream.write_all(head.as_bytes());
                for _ in 0..MEGABYTES {
                    sent = sent.and_then(|()| stream.write_all(&filler));
                }
            });
        }
    });
    (address, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_of_100_megabytes_is_cut_off_and_memory_stays_bounded() {
    let (endless, answers) = an_endless_azure();
    let allowed = endless.clone();
    let world = World::builder("endless")
        .scale(SCALE)
        .without_vault()
        .controller(|options| options.allow_azure_hosts.push(allowed))
        .start()
        .await;
    world.apply(&a_reader_binding(world.namespace())).await;
    super::a_quick_vm(&world, "endless", super::point()).await;
    let secret = world.stage.emulator.ready().client_secret.clone();
    let before_kib = world.stage.controller.peak_memory_kib();
    let vault = world
        .vault("vault")
        .with("endpoints.resourceManager", format!("http://{endless}"));
    world.add_vault(&vault, &secret).await;
    let restore = a_restore("endless", "testRG/endless");

    world.apply(restore.json()).await;
    let object = world.with_reason("endless", "AzureUnavailable").await;
    assert!(
        message(&object).contains("too long"),
        "{}",
        message(&object)
    );
    let said = |vault: &Value| reason(vault) == "AzureUnavailable";
    world
        .until_object("RecoveryServicesVault", "vault", "to say so", said)
        .await;
    eventually("three answers", 60, async || {
        (answers.load(Ordering::SeqCst) >= 3).then_some(())
    })
    .await;
    let after_kib = world.stage.controller.peak_memory_kib();
    println!("peak memory {before_kib:?} KiB before and {after_kib:?} KiB after");
    if let (Some(before), Some(after)) = (before_kib, after_kib) {
        // Two reads at once, of 32 MiB each at most, and what a buffer grows to.
        assert!(
            after < before + 200 * 1024,
            "{before} KiB became {after} KiB"
        );
    }

    world.apply(world.vault("vault").json()).await;
    let ended = world.ended("endless").await;
    assert_eq!(phase(&ended), "Succeeded", "{ended:#}");
    assert_eq!(world.azure.jobs("endless").await.len(), 1);
}
