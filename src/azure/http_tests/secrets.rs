//! No secret reaches an error or a log.

use super::*;

#[tokio::test]
async fn an_answer_that_echoes_token_or_secret_is_scrubbed() {
    let azure = SmallAzure::answering(|request| {
        let message = format!("you sent {} and {SECRET}", request.token);
        reply(400, json!({"error": {"code": "C", "message": message}}))
    })
    .await;

    let error = azure.vault().facts().await.unwrap_err();
    let outcome = trigger(&azure.vault(), soon(&azure.clock)).await;

    let text = format!("{error:?} {error} {outcome:?} {:?}", azure.target());
    assert!(
        !text.contains("token-0") && !text.contains(SECRET),
        "{text}"
    );
}

thread_local! {
    /// What was logged on this thread; a test and everything that it sends run on one.
    static LOG: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Writes to the log of its thread. For the whole process, because a subscriber of one thread does not hear call sites that
/// another thread met first.
struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_hold_no_secret_and_no_query_and_one_line_per_request() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(|| ThreadLog)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let azure = SmallAzure::answering(|request| match request.is("/restore") {
        true => {
            let operation = "https://127.0.0.1/x/op-1?api-version=1&s=signature-of-the-url";
            raw(
                202,
                &[("azure-asyncoperation", operation), ("location", operation)],
                "",
            )
        }
        false => fault(400, "BMSUserErrorInvalidInput"),
    })
    .await;
    let vault = azure.vault();

    trigger(&vault, soon(&azure.clock)).await;
    vault.recovery_points(&an_item(), None).await.unwrap_err();

    let text = String::from_utf8(LOG.take()).unwrap();
    for secret in [SECRET, "token-0", "signature-of-the-url", "client_secret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let ours: Vec<_> = text
        .lines()
        .filter(|line| line.contains("vmrestore::azure::arm"))
        .collect();
    assert_eq!(ours.len(), 2, "{text}");
    assert!(
        ours[0].contains("azure_operation=\"trigger_restore\"")
            && ours[0].contains("http_status=202"),
        "{text}"
    );
    assert!(
        ours[1].contains("error_code=\"BMSUserErrorInvalidInput\"")
            && !ours[1].contains("api-version"),
        "{text}"
    );
}
