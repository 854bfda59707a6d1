//! Tokens, and whom a credential is shown to.

use super::*;

#[tokio::test]
async fn token_failures_say_what_to_mend() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let client = azure.azure();
    let with = |change: fn(&mut ServicePrincipal)| {
        let mut target = azure.target();
        change(&mut target.credential);
        client.vault(target).unwrap()
    };

    let wrong_secret = with(|principal| principal.secret = Secret::new("wrong-secret"))
        .ready()
        .await
        .unwrap_err();
    let wrong_client = with(|principal| principal.client_id = "other".to_owned())
        .ready()
        .await
        .unwrap_err();
    let wrong_tenant = with(|principal| principal.tenant_id = "elsewhere".to_owned())
        .ready()
        .await
        .unwrap_err();
    let no_secret = with(|principal| principal.secret = Secret::new(""))
        .ready()
        .await
        .unwrap_err();
    let down = with(|principal| principal.secret = Secret::new("broken"))
        .ready()
        .await
        .unwrap_err();

    for (error, code) in [
        (&wrong_secret, "AADSTS7000215"),
        (&wrong_client, "AADSTS700016"),
        (&wrong_tenant, "AADSTS90002"),
        (&no_secret, ""),
    ] {
        assert_eq!(error.kind, RefusalKind::Authentication, "{error:?}");
        assert_eq!(error.error.code, code);
        assert!(
            error.retry_after >= SignedDuration::from_secs(40)
                && error.retry_after < SignedDuration::from_secs(50)
        );
        assert!(!error.to_string().contains("wrong-secret"));
    }
    assert_eq!(down.kind, RefusalKind::Unavailable, "{down:?}");
    assert!(azure.requests().is_empty());
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_or_trusted_is_unavailable() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let other = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let mut closed = azure.target();
    if let Cloud::Custom(endpoints) = &mut closed.cloud {
        endpoints.authority = "https://127.0.0.1:1".to_owned();
    }

    let unreachable = azure
        .azure()
        .vault(closed)
        .unwrap()
        .ready()
        .await
        .unwrap_err();
    let untrusted = azure
        .azure()
        .vault(other.target())
        .unwrap()
        .ready()
        .await
        .unwrap_err();

    assert_eq!(
        unreachable.kind,
        RefusalKind::Unavailable,
        "{unreachable:?}"
    );
    assert_eq!(untrusted.kind, RefusalKind::Unavailable, "{untrusted:?}");
    assert!(
        untrusted.to_string().to_lowercase().contains("certificate"),
        "{untrusted}"
    );
}

#[tokio::test]
async fn a_token_is_shared_renewed_before_its_end_and_at_once_for_another_secret() {
    let azure = SmallAzure::answering(|_| reply(200, json!({"location": "westus"}))).await;
    let client = azure.azure();
    let vault = client.vault(azure.target()).unwrap();

    vault.ready().await.unwrap();
    client.vault(azure.target()).unwrap().ready().await.unwrap();
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 1);
    azure.clock.advance(SignedDuration::from_mins(56));
    vault.ready().await.unwrap();
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 2);
    let mut target = azure.target();
    target.credential.secret = Secret::new("s3cr3t~Value.new");
    client.vault(target).unwrap().ready().await.unwrap();

    assert_eq!(azure.tokens.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_read_gets_one_new_token_and_then_gives_up() {
    let azure = SmallAzure::answering(|_| raw(401, &[], "")).await;

    let error = azure.vault().facts().await.unwrap_err();

    assert_eq!(error.kind, RefusalKind::Authentication);
    assert_eq!(azure.requests().len(), 2);
    assert_ne!(azure.requests()[0].token, azure.requests()[1].token);
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused_before_anything_is_sent() {
    let azure = SmallAzure::answering(|_| reply(200, json!({}))).await;
    let mut target = azure.target();
    if let Cloud::Custom(endpoints) = &mut target.cloud {
        endpoints.authority = "https://evil.example".to_owned();
    }

    let refused = azure.azure().vault(target).err().unwrap();

    assert!(refused.to_string().contains("evil.example"), "{refused}");
    assert_eq!(azure.tokens.load(Ordering::SeqCst), 0);
}
