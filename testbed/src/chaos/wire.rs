//! A stretch of cable between the controllers and a server, which can be cut: everything that goes over it ends at once,
//! in the middle of whatever it was, and new connections go through.

use crate::kubeconfig::write_private;
use crate::{ControlPlane, TestbedError};
use std::path::PathBuf;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port on loopback whose connections lead to a server. Dropping it ends it and them.
pub struct Wire {
    port: u16,
    cuts: watch::Sender<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    /// Leads to that `host:port`.
    pub async fn to(server: String) -> Result<Self, TestbedError> {
        let socket = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(TestbedError::io("listen on loopback"))?;
        let address = socket
            .local_addr()
            .map_err(TestbedError::io("listen on loopback"))?;
        let (cuts, _) = watch::channel(0);
        let signal = cuts.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut here, _)) = socket.accept().await {
                let (server, mut cut) = (server.clone(), signal.subscribe());
                tokio::spawn(async move {
                    let carried = async {
                        let mut there = TcpStream::connect(server).await?;
                        copy_bidirectional(&mut here, &mut there).await
                    };
                    tokio::select! {
                        // However it ends, it has ended.
                        _ = carried => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self {
            port: address.port(),
            cuts,
            task,
        })
    }

    /// The `https` address of this end.
    pub fn https(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Ends every connection.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

/// The kubeconfig of the controllers, leading over the wire.
pub async fn kubeconfig_over(wire: &Wire, plane: &ControlPlane) -> Result<PathBuf, TestbedError> {
    let direct = plane
        .kubeconfig_for_service_account("vmrestore-system", "vmrestore-controller")
        .await?;
    let text = std::fs::read_to_string(&direct)
        .map_err(TestbedError::io(format!("read {}", direct.display())))?;
    let path = direct.with_extension("wire");
    write_private(&path, &text.replace(plane.url(), &wire.https()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_cut_ends_the_connections_that_stand_and_no_later_ones() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Wire::to(server.local_addr().unwrap().to_string())
            .await
            .unwrap();
        let address = wire.https().replace("https://", "");
        let mut first = TcpStream::connect(&address).await.unwrap();
        let (mut there, _) = server.accept().await.unwrap();
        first.write_all(b"a").await.unwrap();
        assert_eq!(there.read_u8().await.unwrap(), b'a');

        wire.cut();

        assert!(there.read_u8().await.is_err());
        assert!(first.read_u8().await.is_err());
        let mut second = TcpStream::connect(&address).await.unwrap();
        let (mut there, _) = server.accept().await.unwrap();
        there.write_all(b"b").await.unwrap();
        assert_eq!(second.read_u8().await.unwrap(), b'b');
    }
}
