//! What a [`Store`] must do.
//!
//! Each rule is a function over an empty store, given as a way to open it: every opening stands for another process, and
//! dropping one that writes for its death. [`store_contract!`](crate::store_contract) makes a test of each;
//! [`script`] adds random histories.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a contract fails as a test does")]

mod accounting;
mod collecting;
pub mod fixture;
mod keeping;
pub mod script;
mod writing;

use std::sync::Arc;

use refrain_core::ports::store::Store;

pub use accounting::{
    calls_say_why_they_were_made_and_who_served_them, calls_that_are_in_doubt_are_named_in_full,
    lanes_are_summed_up_by_rung,
};
pub use collecting::{
    a_dry_collection_removes_nothing, collecting_keeps_history_that_is_kept,
    collecting_keeps_pages_that_are_kept, collecting_keeps_replies_that_are_kept,
    exchanges_go_with_the_replies,
};
pub use keeping::{
    a_commit_is_visible_at_once_and_everywhere, a_failure_is_never_a_reply,
    an_alias_has_the_reply_of_another_key, calls_are_put_together_and_filtered,
    every_key_with_a_reply_is_recorded, exchanges_are_kept_by_call, pages_are_kept_once_and_missed_by_name,
    ten_thousand_keys_are_found_again, the_history_keeps_its_order, the_latest_reply_under_a_key_wins,
    what_does_not_exist_is_empty,
};
pub use writing::{
    a_second_writer_is_refused_by_name, numbers_go_on_and_doubt_is_accounted_for, only_the_writer_writes,
    readers_see_whole_commits_while_one_writes, the_writers_death_frees_its_place,
};

/// Opens the store that is tested, each time as another process would.
pub type Open<'a> = &'a (dyn Fn() -> Arc<dyn Store> + Send + Sync);

/// Makes a test of every rule of the store's contract.
///
/// The expression makes something that stands for a new, empty store; its `open` method opens it.
#[macro_export]
macro_rules! store_contract {
    ($fresh:expr) => {
        $crate::store_contract! { $fresh;
            what_does_not_exist_is_empty
            a_commit_is_visible_at_once_and_everywhere
            the_history_keeps_its_order
            the_latest_reply_under_a_key_wins
            a_failure_is_never_a_reply
            an_alias_has_the_reply_of_another_key
            pages_are_kept_once_and_missed_by_name
            calls_are_put_together_and_filtered
            ten_thousand_keys_are_found_again
            every_key_with_a_reply_is_recorded
            exchanges_are_kept_by_call
            lanes_are_summed_up_by_rung
            calls_say_why_they_were_made_and_who_served_them
            calls_that_are_in_doubt_are_named_in_full
            a_second_writer_is_refused_by_name
            the_writers_death_frees_its_place
            only_the_writer_writes
            numbers_go_on_and_doubt_is_accounted_for
            readers_see_whole_commits_while_one_writes
            collecting_keeps_pages_that_are_kept
            collecting_keeps_replies_that_are_kept
            collecting_keeps_history_that_is_kept
            a_dry_collection_removes_nothing
            exchanges_go_with_the_replies
        }
    };
    ($fresh:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let fresh = $fresh;
                $crate::contract::store::$rule(&|| fresh.open()).await;
            }
        )*
    };
}
