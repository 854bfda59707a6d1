//! Reads bodies up to a limit: a controller has 256 MiB, and JSON becomes several times as much while it is decoded.

use super::gate::Kind;

/// Longest answer that is read; a page of 200 jobs has about 200 kB.
pub(super) const LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Longest page of recovery points. 200 of them have about 300 kB, those of encrypted machines some MB of key material, which
/// is dropped.
const POINTS_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// Longest answer to a read of that kind.
pub(super) fn limit_bytes(kind: Kind) -> usize {
    if kind == Kind::Points {
        POINTS_LIMIT_BYTES
    } else {
        LIMIT_BYTES
    }
}

/// The body, or nothing if it broke off or is longer than the limit.
pub(super) async fn whole_body(
    mut response: reqwest::Response,
    limit_bytes: usize,
) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > limit_bytes {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
