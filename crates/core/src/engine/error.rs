//! Why a command could not be carried out.

use refrain_schemas::failure::FailureKind;
use refrain_schemas::name::CallId;
use refrain_schemas::problem::Problem;
use refrain_schemas::report::RunReport;

use crate::plan::drift::Drift;
use crate::ports::files::FileError;
use crate::ports::store::StoreError;

/// A command could not be carried out at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A run that was under way could not go on.
    #[error("{why}")]
    CutShort {
        /// What it had come to: what is not on record counts as not done.
        report: Box<RunReport>,
        /// What it could not go on for.
        why: Box<Self>,
    },
    /// There is no such phase.
    #[error("there is no phase `{phase}`; there are {}", .known.join(", "))]
    UnknownPhase {
        /// What was named.
        phase: String,
        /// The phases there are.
        known: Vec<String>,
    },
    /// The phase is disabled and was named.
    #[error("phase `{phase}` is disabled (`enabled: false`)")]
    Disabled {
        /// The phase.
        phase: String,
    },
    /// There is no such scope.
    #[error("{}", no_scope(.phase, .scope, .known))]
    UnknownScope {
        /// The phase.
        phase: String,
        /// What was named.
        scope: String,
        /// The scopes there are.
        known: Vec<String>,
    },
    /// The phase exists once per turn of a loop, and no turn of it was named.
    #[error("`{phase}` exists once per turn of {}", .of.join(", "))]
    Turn {
        /// The phase.
        phase: String,
        /// The loops around it, the outermost first.
        of: Vec<String>,
    },
    /// There is no such value of a dimension.
    #[error("`{dimension}` has no value `{value}`; there are {}", .known.join(", "))]
    UnknownValue {
        /// The dimension.
        dimension: String,
        /// What was named.
        value: String,
        /// The values there are, or the dimensions where there is no such dimension.
        known: Vec<String>,
    },
    /// The phase has several scopes and one was wanted.
    #[error("name one of {}", .targets.join(", "))]
    Ambiguous {
        /// The phase.
        phase: String,
        /// Its targets.
        targets: Vec<String>,
    },
    /// There is no such revision.
    #[error("{target} has no revision {revision}")]
    NoRevision {
        /// The target.
        target: String,
        /// What was named: a number or `yet`.
        revision: String,
    },
    /// Two revisions cannot be compared.
    #[error("{target} cannot be compared: {reason}")]
    NotComparable {
        /// The target.
        target: String,
        /// Why not.
        reason: String,
    },
    /// There is no such call.
    #[error("there is no call {call}")]
    NoCall {
        /// What was named.
        call: CallId,
    },
    /// A line of an exported ledger is not right; nothing was imported.
    #[error("line {line}: {message}")]
    Import {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// There is no such unit.
    #[error("{target} has no unit `{unit}`")]
    NoUnit {
        /// The target.
        target: String,
        /// What was named.
        unit: String,
    },
    /// There is nothing to accept, or it cannot be accepted.
    #[error("{target} cannot be accepted: {reason}")]
    NotAcceptable {
        /// The target.
        target: String,
        /// Why not.
        reason: String,
    },
    /// People cannot do this to the records of a target.
    #[error("{target}: {reason}")]
    NotEditable {
        /// The target.
        target: String,
        /// Why not.
        reason: String,
    },
    /// There is no edit under a key.
    #[error("{}", no_edit(.target, .key, *.is_record))]
    NoEdit {
        /// The target.
        target: String,
        /// What was named.
        key: String,
        /// Whether there is such a record, and nobody has edited it.
        is_record: bool,
        /// The keys that could be named.
        known: Vec<String>,
    },
    /// Edits are not right; none was recorded.
    #[error("{} in the edits", .problems.len())]
    BadEdits {
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// The tools of an MCP server cannot be listed.
    #[error("{message}")]
    Tools {
        /// The server.
        server: String,
        /// What kind of failure it was.
        kind: FailureKind,
        /// What went wrong; it names the server.
        message: String,
    },
    /// What a plan was made from has changed.
    #[error("the plan does not hold any more: {}", .drifts.iter().map(|drift| drift.name.as_str()).collect::<Vec<_>>().join(", "))]
    Drifted {
        /// What, by name.
        drifts: Vec<Drift>,
    },
    /// What a phase made names nothing to go on with.
    #[error("{what}: {message}")]
    Goto {
        /// Which template said it.
        what: String,
        /// How.
        message: String,
    },
    /// An expression or a template failed.
    #[error("{what}: {message}")]
    Expression {
        /// Which one.
        what: String,
        /// How.
        message: String,
    },
}

fn no_scope(phase: &str, scope: &str, known: &[String]) -> String {
    if known.iter().all(String::is_empty) {
        return format!("phase `{phase}` has no scopes (it is not `per:` any dimension)");
    }
    format!("phase `{phase}` has no scope `{scope}`; it has {}", known.join(", "))
}

fn no_edit(target: &str, key: &str, is_record: bool) -> String {
    if is_record {
        return format!("nobody has edited `{key}` of {target}");
    }
    format!("{target} has no record `{key}`")
}
