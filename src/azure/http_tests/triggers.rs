//! The restore request: sent once, and what its answer means.

use super::*;

#[tokio::test]
async fn a_trigger_is_one_post_with_the_id_the_token_and_the_body() {
    let azure = SmallAzure::answering(|_| {
        let operation = "https://elsewhere.example/x/operationsStatus/op-1?api-version=2019-05-13&t=1&s=signature";
        raw(202, &[("azure-asyncoperation", operation), ("retry-after", "60")], "")
    })
    .await;

    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let TriggerOutcome::Accepted {
        operation: Some(operation),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(operation.as_str(), "op-1");
    let [request] = &azure.requests()[..] else {
        panic!("not one request")
    };
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.target,
        "/subscriptions/sub/resourceGroups/vaultRG/providers/Microsoft.RecoveryServices/vaults/testVault/backupFabrics/Azure\
         /protectionContainers/IaasVMContainer%3Biaasvmcontainerv2%3Brg%3Bvm/protectedItems/VM%3Biaasvmcontainerv2%3Brg%3Bvm\
         /recoveryPoints/20982486783671/restore?api-version=2019-05-13"
    );
    assert_eq!(request.token, "token-0001");
    assert_eq!(request.language, "en-US");
    assert_eq!(request.request_id, a_request_id().to_string());
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        a_request().body()
    );
}

#[tokio::test]
async fn a_trigger_is_never_sent_twice_whatever_the_answer() {
    for (status, code) in [
        (401, "InvalidAuthenticationToken"),
        (400, "NoRegisteredProviderFound"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (503, "ServerBusy"),
        (504, "GatewayTimeout"),
        (307, ""),
        (409, "BMSUserErrorObjectLocked"),
    ] {
        let azure = SmallAzure::answering(move |_| {
            let body = json!({"error": {"code": code, "message": "told"}}).to_string();
            raw(
                status,
                &[("location", "/again"), ("retry-after", "1")],
                body,
            )
        })
        .await;

        let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

        assert_eq!(azure.requests().len(), 1, "{status} {outcome:?}");
        assert!(
            !matches!(outcome, TriggerOutcome::Accepted { .. }),
            "{status}"
        );
    }
}

#[tokio::test]
async fn after_a_401_the_next_trigger_has_a_new_token_with_the_claims_that_azure_wants() {
    let claims = azure_core::base64::encode(r#"{"access_token":{"nbf":{"essential":true}}}"#);
    let azure =
        SmallAzure::answering(
            move |request| match request.token.ends_with("with-claims") {
                true => raw(202, &[], ""),
                false => raw(
                    401,
                    &[("www-authenticate", &format!("Bearer claims=\"{claims}\""))],
                    "",
                ),
            },
        )
        .await;
    let vault = azure.vault();

    let first = trigger(&vault, soon(&azure.clock)).await;
    vault.ready().await.unwrap();
    let second = trigger(&vault, soon(&azure.clock)).await;

    let TriggerOutcome::NotStarted(Refusal { then, .. }) = first else {
        panic!("{first:?}")
    };
    assert_eq!(then, Then::RetryAfter(SignedDuration::ZERO));
    assert_eq!(second, TriggerOutcome::Accepted { operation: None });
    assert_eq!(azure.requests().len(), 2);
}

#[tokio::test]
async fn a_refused_version_gives_way_to_the_next_row_for_the_next_trigger() {
    let azure = SmallAzure::answering(|request| match request.is("2019-05-13") {
        true => fault(400, "InvalidApiVersionParameter"),
        false => raw(202, &[], ""),
    })
    .await;
    let vault = azure.vault();

    let first = trigger(&vault, soon(&azure.clock)).await;
    let second = trigger(&vault, soon(&azure.clock)).await;

    assert!(
        matches!(
            first,
            TriggerOutcome::NotStarted(Refusal {
                then: Then::RetryAfter(_),
                ..
            })
        ),
        "{first:?}"
    );
    assert_eq!(second, TriggerOutcome::Accepted { operation: None });
    assert!(azure.requests()[1].is("api-version=2024-04-01"));
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let azure = SmallAzure::answering(|_| raw(202, &[], "")).await;
    let vault = azure.vault();
    vault.ready().await.unwrap();
    let deadline = soon(&azure.clock);
    azure.clock.advance(SignedDuration::from_secs(30));

    let outcome = trigger(&vault, deadline).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::TooLate);
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_when_the_deadline_passes_while_connecting() {
    // Each look at the clock moves it by 20 s: those of token, gate and the check before connecting are in time, the one
    // when the connection stands is not.
    #[derive(Clone)]
    struct Impatient(FakeClock, Arc<AtomicUsize>);
    impl Clock for Impatient {
        fn now(&self) -> crate::restore::facts::Now {
            if self.1.load(Ordering::SeqCst) > 0 {
                self.1.fetch_add(1, Ordering::SeqCst);
                self.0.advance(SignedDuration::from_secs(20));
            }
            Clock::now(&self.0)
        }
        async fn sleep(&self, _: SignedDuration) {}
        fn real(&self, duration: SignedDuration) -> Duration {
            Clock::real(&self.0, duration)
        }
    }
    let azure = SmallAzure::answering(|_| raw(202, &[], "")).await;
    let moving = Arc::new(AtomicUsize::new(0));
    let client = Azure::new(AzureOptions {
        clock: Arc::new(Impatient(azure.clock.clone(), moving.clone())),
        extra_ca_pem: Some(azure.ca_pem.clone().into_bytes()),
        allowed_hosts: vec!["127.0.0.1".parse().unwrap()],
        metrics: Arc::new(NoMetrics),
        user_agent: "vmrestore-test".to_owned(),
    })
    .unwrap();
    let vault = client.vault(azure.target()).unwrap();
    vault.ready().await.unwrap();
    let mut deadline = soon(&azure.clock);
    deadline.boot += SignedDuration::from_secs(40);
    deadline.wall += SignedDuration::from_secs(40);
    moving.store(1, Ordering::SeqCst);

    let outcome = trigger(&vault, deadline).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::TooLate, "{refusal:?}");
    assert_eq!(moving.load(Ordering::SeqCst) - 1, 4, "looks at the clock");
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn a_refused_connection_is_nothing_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let arm = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let azure = SmallAzure::with_arm(arm, Arc::default()).await;

    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let TriggerOutcome::NotStarted(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::Unavailable);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_unknown_and_not_repeated() {
    for (bytes, accepted) in [
        (&b""[..], false),
        (b"HTTP/1.1 2", false),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n{\"error\":{\"code\":\"Invalid\"", false),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 500\r\n\r\nhalf", true),
        (b"nonsense\r\n\r\n", false),
    ] {
        let (azure, connections) = broken_azure(bytes).await;

        let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

        assert_eq!(connections.load(Ordering::SeqCst), 1);
        match accepted {
            true => assert_eq!(outcome, TriggerOutcome::Accepted { operation: None }),
            false => assert!(matches!(outcome, TriggerOutcome::Unknown { .. }), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_throttled_trigger_is_not_sent_again_before_its_time() {
    let azure = SmallAzure::answering(|_| raw(429, &[("retry-after", "100")], "{}")).await;
    let vault = azure.vault();

    let told = trigger(&vault, soon(&azure.clock)).await;
    azure.clock.advance(SignedDuration::from_secs(99));
    let kept = trigger(&vault, soon(&azure.clock)).await;
    assert_eq!(azure.requests().len(), 1);
    azure.clock.advance(SignedDuration::from_secs(1));
    trigger(&vault, soon(&azure.clock)).await;

    for outcome in [told, kept] {
        let TriggerOutcome::NotStarted(refusal) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(refusal.kind, RefusalKind::Throttled);
        assert!(matches!(refusal.then, Then::RetryAfter(wait) if wait.is_positive()));
    }
    assert_eq!(azure.requests().len(), 2);
}
