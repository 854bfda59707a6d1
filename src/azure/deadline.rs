//! Keeps a trigger from being sent too late. Connecting may take seconds, so the deadline is looked at once more when the
//! connection stands, right before the first byte of the request is written.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::clock::SharedClock;
use crate::restore::ports::Deadline;

tokio::task_local! {
    /// The deadline of the request that this task is sending.
    static DEADLINE: Deadline;
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Sends under a deadline that [`DeadlineLayer`] sees.
pub(super) async fn within<T>(deadline: Deadline, send: impl Future<Output = T>) -> T {
    DEADLINE.scope(deadline, send).await
}

/// Whether an error says that the deadline had passed when the connection stood. Nothing was sent then.
pub(super) fn passed(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<DeadlinePassed>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Wraps the connector of a client that never reuses a connection.
#[derive(Clone)]
pub(super) struct DeadlineLayer {
    clock: SharedClock,
}

impl DeadlineLayer {
    pub fn new(clock: SharedClock) -> Self {
        Self { clock }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineConnector {
            inner,
            clock: self.clock.clone(),
        }
    }
}

/// A connector whose connections are given up when the deadline has passed.
#[derive(Clone)]
pub(super) struct DeadlineConnector<S> {
    inner: S,
    clock: SharedClock,
}

impl<S, R> Service<R> for DeadlineConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = self.inner.call(target);
        let clock = self.clock.clone();
        Box::pin(async move {
            let connection = connecting.await.map_err(Into::into)?;
            // Without a deadline nothing may be sent either.
            let allowed = DEADLINE
                .try_with(|deadline| deadline.allows(clock.now()))
                .unwrap_or(false);
            if allowed {
                Ok(connection)
            } else {
                Err(DeadlinePassed.into())
            }
        })
    }
}

/// The deadline passed while the connection was made.
#[derive(Debug)]
struct DeadlinePassed;

impl fmt::Display for DeadlinePassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed before anything was sent")
    }
}

impl Error for DeadlinePassed {}
