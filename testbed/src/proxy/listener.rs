//! The socket of the proxy: it can close a connection without an answer, and be away altogether.

use super::Shared;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct NoAnswer;

/// Serves until the task is aborted. While `away` says so nobody listens and no connection lives.
pub(super) async fn serve(
    mut socket: TcpListener,
    address: SocketAddr,
    mut away: watch::Receiver<bool>,
    shared: Arc<Shared>,
) {
    loop {
        // Dropping the set ends every connection.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = socket.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, shared.clone()));
                },
                Some(_) = connections.join_next() => {}
                changed = away.wait_for(|away| *away) => match changed {
                    Ok(_) => break,
                    Err(_) => return,
                },
            }
        }
        drop(socket);
        drop(connections);
        if away.wait_for(|away| !*away).await.is_err() {
            return;
        }
        socket = again(address).await;
    }
}

/// Listens at the same address once more.
async fn again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(socket) => return socket,
            // Somebody's outgoing connection may have that port for a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = shared.clone();
        async move { answer(&shared, request).await.ok_or(NoAnswer) }
    });
    // A connection that breaks ends alone.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Option<Response<Body>> {
    let (parts, body) = request.into_parts();
    shared.pass(parts, Body::new(body)).await
}
