//! Adapters that are not merged yet, with the signatures that `wiring.rs` uses. This file goes when they are there:
//! delete it and the two `use stand_in::…` lines of `wiring.rs`, and take `named_files` from `refrain_core::check`.
#![expect(clippy::todo, reason = "replaced by the adapters when they are merged")]

use refrain_schemas::pipeline::Pipeline;

pub(crate) fn named_files(_: &Pipeline) -> Vec<String> {
    todo!()
}

pub(crate) mod refrain_config {
    use std::collections::BTreeMap;

    use refrain_core::check::Surroundings;
    use refrain_core::model::Model;
    use refrain_schemas::pipeline::Pipeline;
    use refrain_schemas::problem::Problem;

    pub(crate) struct Parsed {
        pub(crate) pipeline: Option<Pipeline>,
    }

    pub(crate) fn parse(_: &[u8], _: &str) -> Parsed {
        todo!()
    }

    impl Parsed {
        pub(crate) fn check(&self, _: &Surroundings<'_>) -> (Option<Model>, Vec<Problem>) {
            todo!()
        }
    }

    pub(crate) fn render_plain(_: &[Problem], _: &BTreeMap<String, Vec<u8>>, _: bool) -> String {
        todo!()
    }
}

macro_rules! factory {
    ($module:ident, $name:ident, ($($arg:ty),*)) => {
        pub(crate) mod $module {
            use refrain_core::ports::agent::{Agent, AgentError, AgentFactory, AgentTraits, Blueprint, SpecProblem};
            use refrain_schemas::agent_spec::AgentSpec;
            use std::sync::Arc;

            #[derive(Debug)]
            pub(crate) struct $name;

            impl $name {
                pub(crate) fn new($(_: $arg),*) -> Self {
                    Self
                }
            }

            impl AgentFactory for $name {
                fn handles(&self, _: &AgentSpec) -> bool {
                    todo!()
                }
                fn check(&self, _: &AgentSpec) -> Vec<SpecProblem> {
                    todo!()
                }
                fn describe(&self, _: &AgentSpec) -> AgentTraits {
                    todo!()
                }
                fn make(&self, _: &Blueprint) -> Result<Arc<dyn Agent>, AgentError> {
                    todo!()
                }
            }
        }
    };
}

factory!(refrain_builtin, BuiltinAgents, ());
factory!(refrain_command, CommandAgents, (&std::path::Path));

pub(crate) mod refrain_store {
    use std::path::Path;

    use async_trait::async_trait;
    use refrain_core::ports::store::{
        Batch, CallFilter, Collected, Keep, LedgerSummary, Opening, PageBytes, Store, StoreError,
    };
    use refrain_schemas::digest::Digest;
    use refrain_schemas::history::HistoryEntry;
    use refrain_schemas::json::Json;
    use refrain_schemas::ledger::CallView;
    use refrain_schemas::pipeline::Durability;
    use refrain_schemas::status::Holder;

    #[derive(Debug)]
    pub(crate) struct FileStore;

    impl FileStore {
        pub(crate) fn open(_: &Path, _: Durability) -> Result<Self, StoreError> {
            todo!()
        }
    }

    #[async_trait]
    impl Store for FileStore {
        async fn begin_writing(&self, _: &Holder) -> Result<Opening, StoreError> {
            todo!()
        }
        async fn end_writing(&self) -> Result<(), StoreError> {
            todo!()
        }
        async fn holder(&self) -> Result<Option<Holder>, StoreError> {
            todo!()
        }
        async fn commit(&self, _: Batch) -> Result<(), StoreError> {
            todo!()
        }
        async fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
            todo!()
        }
        async fn replies(&self, _: &[Digest]) -> Result<Vec<Option<Json>>, StoreError> {
            todo!()
        }
        async fn pages(&self, _: &[Digest]) -> Result<Vec<PageBytes>, StoreError> {
            todo!()
        }
        async fn calls(&self, _: &CallFilter) -> Result<Vec<CallView>, StoreError> {
            todo!()
        }
        async fn ledger_summary(&self) -> Result<LedgerSummary, StoreError> {
            todo!()
        }
        async fn collect(&self, _: Keep) -> Result<Collected, StoreError> {
            todo!()
        }
    }
}

pub(crate) mod refrain_files {
    use std::path::Path;

    use async_trait::async_trait;
    use refrain_core::ports::files::{
        FileError, Loaded, ProjectFiles, RecordSource, RecordTarget, SourceReader, TargetWriter,
    };
    use refrain_schemas::artifact::FileStamp;
    use serde_json::{Map, Value};

    #[derive(Debug)]
    pub(crate) struct FsProjectFiles;
    #[derive(Debug)]
    pub(crate) struct FsReader;
    #[derive(Debug)]
    pub(crate) struct FsWriter;

    impl FsProjectFiles {
        pub(crate) fn new(_: &Path) -> Self {
            Self
        }
    }
    impl FsReader {
        pub(crate) fn new(_: &Path) -> Self {
            Self
        }
    }
    impl FsWriter {
        pub(crate) fn new(_: &Path) -> Self {
            Self
        }
    }

    #[async_trait]
    impl ProjectFiles for FsProjectFiles {
        async fn read(&self, _: &str) -> Result<Vec<u8>, FileError> {
            todo!()
        }
        async fn stamp(&self, _: &str, _: Option<&FileStamp>) -> Result<FileStamp, FileError> {
            todo!()
        }
        async fn exists(&self, _: &str) -> bool {
            todo!()
        }
        async fn load(&self, _: &str) -> Result<Loaded, FileError> {
            todo!()
        }
    }

    #[async_trait]
    impl SourceReader for FsReader {
        async fn stamps(&self, _: &Map<String, Value>, _: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
            todo!()
        }
        async fn open(&self, _: &Map<String, Value>, _: &str) -> Result<Box<dyn RecordSource>, FileError> {
            todo!()
        }
    }

    #[async_trait]
    impl TargetWriter for FsWriter {
        async fn stamps(&self, _: &[FileStamp]) -> Result<Vec<FileStamp>, FileError> {
            todo!()
        }
        async fn open(&self, _: &Map<String, Value>) -> Result<Box<dyn RecordTarget>, FileError> {
            todo!()
        }
    }
}

pub(crate) mod refrain_sinks {
    use std::path::Path;

    use async_trait::async_trait;
    use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
    use refrain_schemas::event::{Event, Level};
    use refrain_schemas::progress::RunProgress;

    #[derive(Debug)]
    pub(crate) struct JsonlLog;
    #[derive(Debug)]
    pub(crate) struct JsonlProgress;
    #[derive(Debug)]
    pub(crate) struct ConsoleLog;
    #[derive(Debug)]
    pub(crate) struct TerminalSink;

    impl JsonlLog {
        pub(crate) fn open(_: &Path, _: Level) -> std::io::Result<Self> {
            todo!()
        }
    }
    impl JsonlProgress {
        pub(crate) fn open(_: &Path) -> std::io::Result<Self> {
            todo!()
        }
    }
    impl ConsoleLog {
        pub(crate) fn new(_: Level, _: bool) -> Self {
            Self
        }
    }
    impl TerminalSink {
        pub(crate) fn new(_: bool) -> Self {
            Self
        }
    }

    macro_rules! log {
        ($name:ident) => {
            #[async_trait]
            impl LogSink for $name {
                fn level(&self) -> Level {
                    todo!()
                }
                async fn log(&self, _: &Event) -> Result<(), SinkError> {
                    todo!()
                }
            }
        };
    }
    macro_rules! progress {
        ($name:ident) => {
            #[async_trait]
            impl ProgressSink for $name {
                async fn progress(&self, _: &RunProgress) -> Result<(), SinkError> {
                    todo!()
                }
            }
        };
    }
    log!(JsonlLog);
    log!(ConsoleLog);
    progress!(JsonlProgress);
    progress!(TerminalSink);
}

pub(crate) mod refrain_system {
    use std::time::Duration;

    use async_trait::async_trait;
    use refrain_core::ports::clock::{Clock, Ids};
    use refrain_schemas::name::RunId;
    use refrain_schemas::time::Timestamp;

    #[derive(Debug)]
    pub(crate) struct SystemClock;
    #[derive(Debug)]
    pub(crate) struct RandomIds;

    #[async_trait]
    impl Clock for SystemClock {
        fn now(&self) -> Timestamp {
            todo!()
        }
        fn monotonic(&self) -> Duration {
            todo!()
        }
        async fn sleep(&self, _: Duration) {
            todo!()
        }
    }

    impl Ids for RandomIds {
        fn run_id(&self) -> RunId {
            todo!()
        }
    }
}
