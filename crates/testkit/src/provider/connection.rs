//! Connections: who comes in, one request after the other.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::http::{self, Buffer};
use super::service::Service;

/// Takes connections until it is told to stop; those under way are dropped then.
pub(super) async fn accept(
    listener: std::net::TcpListener,
    service: Arc<Service>,
    mut stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                // A client that is gone before it was taken is its own business.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&service)));
            }
        }
    }
}

async fn serve(mut stream: TcpStream, service: Arc<Service>) {
    let _slower = stream.set_nodelay(true);
    let mut buffer = Buffer::default();
    while let Some(request) = http::read(&mut stream, &mut buffer).await {
        let response = service.answer(&request).await;
        // A client that went away before its answer came is what the journal is for.
        if !http::write(&mut stream, &response).await.unwrap_or(false) || request.is_last {
            return;
        }
    }
}
