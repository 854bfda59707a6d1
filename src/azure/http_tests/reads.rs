//! Reads of vault, items, points, operations and VMs.

use super::*;

#[tokio::test]
async fn broken_answers_to_reads_are_errors_with_a_retry() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html></h",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"value\": 7}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"value\": []",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (azure, _) = broken_azure(bytes).await;
        let vault = azure.vault();

        let errors = [
            vault.facts().await.err(),
            vault.protected_item(&ArmId::new(VM)).await.err(),
            vault.recovery_points(&an_item(), None).await.err(),
            vault.jobs(any_need()).await.err(),
            vault.job(&JobId::new("j"), Budget::Needed).await.err(),
            vault
                .operation(&an_item(), &OperationId::new("o"))
                .await
                .err(),
        ];

        for (at, error) in errors.into_iter().enumerate() {
            let error = error
                .unwrap_or_else(|| panic!("call {at} took {:?}", String::from_utf8_lossy(bytes)));
            assert!(
                matches!(
                    error.kind,
                    RefusalKind::Unreadable | RefusalKind::Unavailable
                ),
                "{error:?}"
            );
            assert!(error.retry_after.is_positive());
        }
    }
}

#[tokio::test]
async fn pages_are_followed_verbatim_and_only_to_the_vaults_own_host() {
    let next: Arc<Mutex<String>> = Arc::default();
    let link = next.clone();
    let azure = SmallAzure::answering(move |request| match request.is("skipToken") {
        true => list(vec![json!({"name": "2", "properties": {}})]),
        false => reply(
            200,
            json!({"value": [{"name": "1", "properties": {}}], "nextLink": *link.lock().unwrap()}),
        ),
    })
    .await;
    let vault = azure.vault();

    *next.lock().unwrap() = format!(
        "{}/x?api-version=2017-07-01&$skipToken=%3Ca%3E%2Bb",
        azure.arm
    );
    let points = vault.recovery_points(&an_item(), None).await.unwrap();
    *next.lock().unwrap() = "https://evil.example/x?$skipToken=1".to_owned();
    let elsewhere = vault.recovery_points(&an_item(), None).await.unwrap_err();
    *next.lock().unwrap() = format!("{}/x?$skipToken=1", azure.arm.replace("http:", "https:"));
    let other_scheme = vault.recovery_points(&an_item(), None).await.unwrap_err();

    assert_eq!(points.len(), 2);
    assert_eq!(
        azure.requests()[1].target,
        "/x?api-version=2017-07-01&$skipToken=%3Ca%3E%2Bb"
    );
    assert_eq!(elsewhere.kind, RefusalKind::Unreadable);
    assert_eq!(other_scheme.kind, RefusalKind::Unreadable);
    assert_eq!(azure.requests().len(), 4);
}

#[tokio::test]
async fn throttling_closes_the_gate_for_its_kind_until_the_time_that_azure_named() {
    let azure = SmallAzure::answering(|request| match request.is("backupJobs") {
        true => raw(429, &[("retry-after", "324")], "{}"),
        false => list(vec![]),
    })
    .await;
    let vault = azure.vault();

    let told = vault
        .job(&JobId::new("j"), Budget::Needed)
        .await
        .unwrap_err();
    let kept = vault
        .job(&JobId::new("j"), Budget::Needed)
        .await
        .unwrap_err();
    vault.recovery_points(&an_item(), None).await.unwrap();

    for error in [told, kept] {
        assert_eq!(error.kind, RefusalKind::Throttled);
        assert!(
            error.retry_after >= SignedDuration::from_secs(324),
            "{error:?}"
        );
    }
    assert_eq!(azure.count("backupJobs"), 1);
    azure.clock.advance(SignedDuration::from_secs(325));
    assert!(vault.job(&JobId::new("j"), Budget::Needed).await.is_err());
    assert_eq!(azure.count("backupJobs"), 2);
}

#[tokio::test]
async fn items_are_listed_once_and_a_missing_vm_causes_a_new_list_only_now_and_then() {
    let azure = SmallAzure::answering(|_| {
        let id = "/subscriptions/sub/x/protectionContainers/C;rg;vm/protectedItems/VM;rg;vm";
        list(vec![
            json!({"id": id, "properties": {"sourceResourceId": VM.to_uppercase()}}),
        ])
    })
    .await;
    let vault = azure.vault();

    let found = vault
        .protected_item(&ArmId::new(VM))
        .await
        .unwrap()
        .unwrap();
    let other = ArmId::new("/subscriptions/other");
    for _ in 0..10 {
        assert_eq!(vault.protected_item(&other).await.unwrap(), None);
    }
    assert_eq!(azure.requests().len(), 1);
    azure.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(vault.protected_item(&other).await.unwrap(), None);
    vault
        .protected_item(&ArmId::new(VM))
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        (found.container.as_str(), found.name.as_str()),
        ("C;rg;vm", "VM;rg;vm")
    );
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn an_operation_is_asked_at_the_vault_first_and_then_at_the_item() {
    let azure = SmallAzure::answering(|request| match request.is("backupOperations") {
        true => fault(400, "BMSUserErrorInvalidInput"),
        false if request.is("gone") => fault(404, "OperationNotFound"),
        false => reply(
            200,
            json!({"status": "Succeeded", "properties": {"jobId": "job-1"}}),
        ),
    })
    .await;
    let vault = azure.vault();

    let found = vault
        .operation(&an_item(), &OperationId::new("op"))
        .await
        .unwrap()
        .unwrap();
    let gone = vault
        .operation(&an_item(), &OperationId::new("gone"))
        .await
        .unwrap();

    assert_eq!(found.job, Some(JobId::new("job-1")));
    assert_eq!(gone, None);
    assert_eq!(azure.requests().len(), 4);
}

#[tokio::test]
async fn a_missing_vault_and_a_missing_role_come_back_within_a_minute() {
    let azure = SmallAzure::answering(|request| match request.is("backupProtectedItems") {
        true => fault(403, "AuthorizationFailed"),
        false => fault(404, "ResourceNotFound"),
    })
    .await;
    let vault = azure.vault();

    let missing = vault.facts().await.unwrap_err();
    let forbidden = vault.protected_item(&ArmId::new(VM)).await.unwrap_err();

    assert_eq!(missing.kind, RefusalKind::VaultNotFound);
    assert_eq!(forbidden.kind, RefusalKind::Permission);
    for error in [missing, forbidden] {
        assert!(
            error.retry_after < SignedDuration::from_secs(46),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_virtual_machine_is_missing_only_when_azure_says_so() {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let next = answers.clone();
    let azure = SmallAzure::answering(move |_| {
        let (status, code): (u16, &str) = next.lock().unwrap().pop().unwrap();
        match status {
            200 => reply(200, json!({"name": "new", "location": "westus"})),
            _ if code.is_empty() => reply(status, json!({})),
            _ => fault(status, code),
        }
    })
    .await;
    let vault = azure.vault();
    let target = ArmId::new(
        "/subscriptions/other/resourceGroups/restores/providers/Microsoft.Compute/virtualmachines/new",
    );

    for (status, code, expected) in [
        (200, "", Some(true)),
        (404, "ResourceNotFound", Some(false)),
        (404, "NotFound", Some(false)),
        (404, "ResourceGroupNotFound", Some(false)),
        (404, "SubscriptionNotFound", None),
        (404, "", None),
        (403, "AuthorizationFailed", None),
        (500, "InternalServerError", None),
    ] {
        answers.lock().unwrap().push((status, code));
        let said = vault.virtual_machine_exists(&target).await;
        assert_eq!(said.ok(), expected, "{status} {code}");
    }
    let asked = &azure.requests()[0];
    assert_eq!(asked.method, "GET");
    assert_eq!(
        asked.target,
        "/subscriptions/other/resourceGroups/restores/providers/Microsoft.Compute/virtualmachines/new?api-version=2024-07-01"
    );
}

#[tokio::test]
async fn only_the_id_of_a_virtual_machine_is_asked_for() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let vault = azure.vault();

    for id in [
        "",
        "vm",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines",
        "/subscriptions/s/resourceGroups//providers/Microsoft.Compute/virtualMachines/vm",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/vm",
    ] {
        let said = vault.virtual_machine_exists(&ArmId::new(id)).await;
        assert_eq!(said.unwrap_err().kind, RefusalKind::BadRequest, "{id}");
    }
    assert_eq!(azure.requests().len(), 0);
}
