//! The list of documents that have a JSON Schema in the repository's `schemas/` folder.

use schemars::{Schema, generate::SchemaSettings};

/// A document with a JSON Schema.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its name; the file is `NAME.schema.json`.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Its schema.
    pub schema: Schema,
}

impl Document {
    /// Returns the schema as it is checked in: pretty JSON with a line break at the end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.schema).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Returns every document, in alphabetical order.
#[must_use]
pub fn documents() -> Vec<Document> {
    fn document<T: schemars::JsonSchema>(name: &'static str, title: &'static str) -> Document {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        schema.insert("title".to_owned(), title.into());
        Document { name, title, schema }
    }
    vec![
        document::<crate::protocol::AnswerLine>("answer", "What a command agent prints, one line per call"),
        document::<crate::ledger::CallReport>("call", "What `refrain show --call --json` prints"),
        document::<crate::problem::CheckReport>("check", "What `refrain check --json` prints"),
        document::<crate::comparison::Comparison>("compare", "What `refrain compare --json` prints"),
        document::<crate::why::DiffReport>("diff", "What `refrain diff --json` prints"),
        document::<crate::doctor::DoctorReport>("doctor", "What `refrain doctor --json` prints"),
        document::<crate::edit::EditReport>("edit", "What `refrain edit import --json` prints"),
        document::<crate::edit::EditList>("edits", "What `refrain edit list --json` prints"),
        document::<crate::event::EventKind>("event", "The data of log lines, by event"),
        document::<crate::explanation::Explanation>(
            "explain",
            "What `refrain explain pipeline --json` prints",
        ),
        document::<crate::status::HistoryReport>("history", "What `refrain history --json` prints"),
        document::<crate::history::HistoryEntry>("history-entry", "One entry of the run history"),
        document::<crate::ledger::ImportReport>("import", "What `refrain ledger import --json` prints"),
        document::<crate::ledger::LedgerReport>("ledger", "What `refrain ledger --json` prints"),
        document::<crate::ledger::LedgerEntry>("ledger-entry", "One entry of the ledger"),
        document::<crate::log_line::LogLine>("log-line", "One line of the log"),
        document::<crate::pipeline::Pipeline>("pipeline", "The pipeline file, refrain.yaml"),
        document::<crate::plan::PlanReport>("plan", "What `refrain plan --json` prints"),
        document::<crate::plan_file::PlanFile>("plan-file", "What `refrain plan -o` writes"),
        document::<crate::progress::RunProgress>("progress", "One line of the progress file"),
        document::<crate::quality::QualityReport>("qc", "What `refrain qc --json` prints"),
        document::<crate::overview::Overview>("report", "What `refrain report --json` prints"),
        document::<crate::protocol::RequestLine>("request", "What a command agent reads, one line per call"),
        document::<crate::edit::ReviewReport>("review", "What `refrain review --json` prints"),
        document::<crate::report::RunReport>("run", "What `refrain run --json` prints"),
        document::<crate::simulation::Simulation>("sim", "What `refrain sim --json` prints"),
        document::<crate::status::StatusReport>("status", "What `refrain status --json` prints"),
        document::<crate::steps::StepsReport>("steps", "What `refrain run --json` prints for a steps file"),
        document::<crate::why::WhyReport>("why", "What `refrain why --json` prints"),
    ]
}
