//! Which edges between phases stream: whether units of a phase can be asked about while the phase before is under way.
//!
//! What is said here hangs on the pipeline alone. Whether an edge that streams is used in a run is for the run to decide.

use std::fmt;

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{Fan, MergeSpec};

use crate::model::{AskWork, Context, ContextSource, Model, OutputShape, Phase, Select, Split, Work};
use crate::reply::Rules;
use crate::sight::Sight;

/// An edge from a phase that asks agents to one that comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The earlier phase.
    pub from: PhaseName,
    /// How its records flow on one by one, or why they do not.
    pub flow: Result<Flow, Barrier>,
}

/// How the records of a phase flow into units of a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Each record is a unit.
    Record,
    /// Records with one value of a field are a unit; the units that they come from have that value themselves.
    Group(String),
    /// A unit sees the one record whose key is its own value of a field.
    Join(String),
}

/// Why a phase waits until the one before is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// It says so.
    Declared,
    /// It writes files.
    Export,
    /// Its condition counts what is there.
    Condition,
    /// It comes after it without reading it.
    Order,
    /// It has an input of its own, which is made from all that is there.
    Input,
    /// It reads it in more than one way.
    Several,
    /// It reads all scopes at once.
    Gathered,
    /// Its units are runs of records, or all of them.
    Split,
    /// It groups records by a field that the agents of the earlier phase are free to choose.
    Chosen(String),
    /// A context entry sees more than one record.
    Context(String),
    /// The earlier phase makes a document.
    Document,
    /// What the earlier phase makes of a unit is settled by its merge.
    Merge,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("record by record"),
            Self::Group(field) => write!(f, "one `{field}` after the other"),
            Self::Join(field) => write!(f, "as soon as its `{field}` is there"),
        }
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("`barrier: true`"),
            Self::Export => f.write_str("files are written whole"),
            Self::Condition => f.write_str("`when:` counts what is there"),
            Self::Order => f.write_str("it comes after it without reading it"),
            Self::Input => f.write_str("its input is made from what is there then"),
            Self::Several => f.write_str("it reads it in several ways"),
            Self::Gathered => f.write_str("it gathers all scopes"),
            Self::Split => f.write_str("its units are runs of records, or all of them"),
            Self::Chosen(field) => write!(f, "agents choose the `{field}` that it groups by; `carry:` it"),
            Self::Context(name) => write!(f, "context `{name}` sees more than one record by its key"),
            Self::Document => f.write_str("a document is made at once"),
            Self::Merge => f.write_str("its merge settles what stands"),
        }
    }
}

/// Returns the edges that lead to a phase from phases that ask agents, in the order in which it names them.
#[must_use]
pub fn edges(model: &Model, phase: &Phase) -> Vec<Edge> {
    let earlier = phase.edges().filter_map(|edge| model.phase(edge.phase.as_str()));
    let asking = earlier.filter_map(|earlier| match &earlier.work {
        Work::Ask(work) => Some((earlier, work)),
        Work::Read(_) | Work::Write(_) => None,
    });
    asking
        .map(|(earlier, made_by)| Edge {
            from: earlier.name.clone(),
            flow: flow(model, phase, earlier, made_by),
        })
        .collect()
}

fn flow(model: &Model, phase: &Phase, earlier: &Phase, made_by: &AskWork) -> Result<Flow, Barrier> {
    let Work::Ask(work) = &phase.work else { return Err(Barrier::Export) };
    if phase.barrier {
        return Err(Barrier::Declared);
    }
    let course = &phase.course;
    let may_be_skipped = !course.passed_by.is_empty() || !course.handles.is_empty();
    if phase.when.as_ref().is_some_and(|when| counts(&when.sight)) || may_be_skipped {
        return Err(Barrier::Condition);
    }
    if earlier.per.iter().any(|dimension| phase.gather.contains(dimension)) {
        return Err(Barrier::Gathered);
    }
    if work.given.is_some() {
        let reads = phase.edges().any(|edge| edge.phase == earlier.name && edge.read);
        return Err(if reads { Barrier::Input } else { Barrier::Order });
    }
    let flow = role(work, earlier, made_by)?;
    settles(model, earlier, made_by)?;
    Ok(flow)
}

/// Whether a condition hangs on the phases before.
fn counts(when: &Sight) -> bool {
    when.reads_phases()
}

/// Returns what an earlier phase is to a later one.
fn role(work: &AskWork, earlier: &Phase, made_by: &AskWork) -> Result<Flow, Barrier> {
    let reads =
        |context: &&Context| matches!(&context.source, ContextSource::Phase(name) if *name == earlier.name);
    let contexts: Vec<&Context> = work.context.iter().filter(reads).collect();
    match (work.units.of.contains(&earlier.name), &contexts[..]) {
        (false, []) => Err(Barrier::Order),
        (true, []) => source(work, made_by),
        (false, [context]) => match &context.select {
            Select::On { field, unique: true } => Ok(Flow::Join(field.clone())),
            _ => Err(Barrier::Context(context.name.clone())),
        },
        _ => Err(Barrier::Several),
    }
}

fn source(work: &AskWork, made_by: &AskWork) -> Result<Flow, Barrier> {
    let looks_around = |context: &&Context| matches!(context.select, Select::Window { .. });
    if let Some(context) = work.context.iter().find(looks_around) {
        return Err(Barrier::Context(context.name.clone()));
    }
    match &work.units.split {
        Split::Record => Ok(Flow::Record),
        Split::By(field) if is_given(made_by, field) => Ok(Flow::Group(field.clone())),
        Split::By(field) => Err(Barrier::Chosen(field.clone())),
        Split::Chunk(_) | Split::Whole | Split::Given => Err(Barrier::Split),
    }
}

/// Whether records have the value of a field that the unit has which they come from.
pub(crate) fn is_given(made_by: &AskWork, field: &str) -> bool {
    let carried = made_by.output.carry.iter().any(|(name, from)| name == field && from == field);
    carried || made_by.units.id_field.as_deref() == Some(field)
}

/// Whether a record of a phase stands as soon as its unit is over, or the phase fails.
fn settles(model: &Model, phase: &Phase, work: &AskWork) -> Result<(), Barrier> {
    if !matches!(work.output.shape, OutputShape::Records { .. }) {
        return Err(Barrier::Document);
    }
    let several = work.fan == Fan::Panel || work.pool.iter().any(|member| member.samples > 1);
    let source_key = work.units.of.first().and_then(|name| model.key_of(name.as_str()));
    let own = Rules::of(work, source_key).gathered(!phase.gather.is_empty()).keys_are_units();
    if several || !(own || work.merge == MergeSpec::Error) { Err(Barrier::Merge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_over_phases_are_told_from_others() {
        for (when, expect) in [
            ("params.quick", false),
            ("phases.qa.records > 0", true),
            ("scope.language == 'ja' and phases.qa.present", true),
        ] {
            let expression = crate::expression::Expression::compile(when).unwrap();
            let variables = expression.variables().iter().map(String::as_str);
            let sight = Sight::of(variables, &indexmap::IndexMap::new());
            assert_eq!(counts(&sight), expect, "{when}");
        }
    }
}
