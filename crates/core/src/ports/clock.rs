//! Time and chance.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use refrain_schemas::name::RunId;
use refrain_schemas::time::Timestamp;

/// Tells the time and waits.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time of day, for people; it may go back.
    fn now(&self) -> Timestamp;

    /// Returns the time since some fixed point; it never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// Makes ids.
pub trait Ids: Debug + Send + Sync + 'static {
    /// Returns a new id for a run.
    fn run_id(&self) -> RunId;
}
