//! Adapters that are not merged yet, with the signatures that `wiring.rs` uses. This file goes when they are there:
//! delete it and the two `use stand_in::…` lines of `wiring.rs`, and take `named_files` from `refrain_core::check`.
#![expect(clippy::todo, reason = "replaced by the adapters when they are merged")]

use refrain_schemas::pipeline::Pipeline;

pub(crate) struct NamedFile {
    pub(crate) path: String,
}

pub(crate) fn named_files(_: &Pipeline) -> Vec<NamedFile> {
    todo!()
}

pub(crate) mod refrain_config {
    use std::collections::BTreeMap;

    use refrain_core::check::Surroundings;
    use refrain_core::model::Model;
    use refrain_schemas::pipeline::Pipeline;
    use refrain_schemas::problem::Problem;

    pub(crate) struct Parsed;

    pub(crate) fn parse(_: &[u8], _: &str) -> Parsed {
        todo!()
    }

    impl Parsed {
        pub(crate) fn pipeline(&self) -> Option<&Pipeline> {
            todo!()
        }
        pub(crate) fn sources(&self) -> BTreeMap<String, String> {
            todo!()
        }
        pub(crate) fn check(&self, _: &Surroundings<'_>) -> (Option<Model>, Vec<Problem>) {
            todo!()
        }
    }

    pub(crate) fn render_plain(_: &[Problem], _: &BTreeMap<String, String>, _: bool) -> String {
        todo!()
    }
}

macro_rules! factory {
    ($module:ident, $name:ident, ($($arg:ty),*), $made:ty, $make:expr) => {
        pub(crate) mod $module {
            use refrain_core::ports::agent::{Agent, AgentError, AgentFactory, AgentTraits, Blueprint, SpecProblem};
            use refrain_schemas::agent_spec::AgentSpec;
            use std::sync::Arc;

            #[derive(Debug)]
            pub(crate) struct $name;

            impl $name {
                pub(crate) fn new($(_: $arg),*) -> $made {
                    $make
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

factory!(refrain_builtin, BuiltinAgents, (), Self, Self);
factory!(refrain_command, CommandAgents, (&std::path::Path), std::io::Result<Self>, Ok(Self));

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
    use refrain_schemas::status::Holder;

    #[derive(Debug)]
    pub(crate) struct FileStore;

    pub(crate) enum Durability {
        Process,
        Power,
    }

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
    use std::io::{self, Write};
    use std::path::Path;

    use async_trait::async_trait;
    use indicatif::ProgressDrawTarget;
    use refrain_core::ports::sink::{LogSink, ProgressSink, SinkError};
    use refrain_schemas::event::{Event, Level};
    use refrain_schemas::progress::RunProgress;

    pub(crate) mod log_file {
        use super::{Path, RunProgress, io};

        pub(crate) fn last_progress(_: impl AsRef<Path>) -> io::Result<Option<RunProgress>> {
            todo!()
        }
    }

    pub(crate) mod log_folder {
        use super::{Path, io};
        use refrain_schemas::name::RunId;
        use std::path::PathBuf;

        pub(crate) struct LogFolder;

        impl LogFolder {
            pub(crate) fn new(_: impl AsRef<Path>) -> Self {
                Self
            }
            pub(crate) fn log(&self, _: RunId) -> PathBuf {
                todo!()
            }
            pub(crate) fn progress(&self, _: RunId) -> PathBuf {
                todo!()
            }
            pub(crate) fn runs(&self) -> io::Result<Vec<RunId>> {
                todo!()
            }
        }
    }

    #[derive(Clone)]
    pub(crate) struct Secrets;

    impl Secrets {
        pub(crate) fn new(_: impl IntoIterator<Item = String>) -> Self {
            Self
        }
    }

    #[derive(Debug)]
    pub(crate) struct Redacting;

    impl Redacting {
        pub(crate) fn new<S>(_: Secrets, _: S) -> Self {
            Self
        }
    }

    #[async_trait]
    impl LogSink for Redacting {
        fn level(&self) -> Level {
            todo!()
        }
        async fn log(&self, _: &Event) -> Result<(), SinkError> {
            todo!()
        }
    }

    #[async_trait]
    impl ProgressSink for Redacting {
        async fn progress(&self, _: &RunProgress) -> Result<(), SinkError> {
            todo!()
        }
    }

    pub(crate) struct JsonlLog;
    pub(crate) struct JsonlProgress;
    pub(crate) struct ConsoleLog;
    pub(crate) struct TerminalSink;

    impl JsonlLog {
        pub(crate) fn create(_: impl AsRef<Path>, _: Level) -> io::Result<Self> {
            todo!()
        }
    }
    impl JsonlProgress {
        pub(crate) fn create(_: impl AsRef<Path>) -> io::Result<Self> {
            todo!()
        }
    }
    impl ConsoleLog {
        pub(crate) fn new(_: Box<dyn Write + Send>, _: Level, _: bool) -> Self {
            Self
        }
    }
    impl TerminalSink {
        pub(crate) fn new(_: ProgressDrawTarget, _: Level, _: bool) -> Self {
            Self
        }
    }
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

    impl SystemClock {
        pub(crate) const fn new() -> Self {
            Self
        }
    }

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
