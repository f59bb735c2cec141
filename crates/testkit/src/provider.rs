//! A model provider of one's own on the loopback interface: it speaks what the usual ones speak, is slow, fails and limits as
//! it is told, and writes down every request before it answers it.
//!
//! It answers from the request alone, so that the same request has the same answer whenever it comes: texts that the prompt
//! marks as `<line>…</line>` come back with accents, in the shape of the schema that was sent along. What it served is in its
//! [journal](Provider::journal), which outlives its clients; tests compare the ledger with it.

mod answer;
mod connection;
mod fault;
mod http;
mod journal;
mod limit;
mod service;
mod settings;
mod wire;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use answer::pseudo;
pub use fault::Fault;
pub use journal::{Entry, Figures};
pub use settings::{FaultMix, Settings, UsageFigures};

use service::Service;

/// A provider that listens on a free port of the loopback interface until it is dropped.
#[derive(Debug)]
pub struct Provider {
    service: Arc<Service>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Provider {
    /// Starts a provider on a free port.
    ///
    /// # Errors
    /// Fails where no port or no thread can be had, or the file of the journal cannot be opened.
    pub fn start(settings: Settings) -> std::io::Result<Self> {
        Self::start_at(settings, 0)
    }

    /// Starts a provider on a port; 0 means a free one.
    ///
    /// # Errors
    /// Fails where the port or no thread can be had, or the file of the journal cannot be opened.
    pub fn start_at(settings: Settings, port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(settings)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&service);
        let thread = std::thread::Builder::new().name("provider".to_owned()).spawn(move || {
            let accepted = runtime.block_on(connection::accept(listener, serving, stopped));
            if let Err(error) = accepted {
                // Nobody may read it; a client of a provider that is gone fails plainly enough.
                let _lost = writeln!(std::io::stderr(), "the provider stopped: {error}");
            }
        })?;
        Ok(Self { service, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address without a path, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the base URL of the kinds `openai`, `responses` and `anthropic`; Gemini's is [`Self::gemini_url`].
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1", self.root())
    }

    /// Returns the base URL of the kind `gemini`.
    #[must_use]
    pub fn gemini_url(&self) -> String {
        format!("{}/v1beta", self.root())
    }

    /// Returns every request so far, in the order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.service.journal().entries()
    }

    /// Returns how many requests have arrived.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.service.journal().len()
    }

    /// Changes how it behaves from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.service.set(change);
    }

    /// Lets requests arrive and keeps their answers back until [`Self::release`].
    pub fn hold(&self) {
        self.service.hold(true);
    }

    /// Lets answers go again.
    pub fn release(&self) {
        self.service.hold(false);
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
