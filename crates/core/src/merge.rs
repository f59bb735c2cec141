//! The merge: a pure function from replies to an artifact.
//!
//! What goes in is ordered by the units of the source, and within a unit by agents in file order and their samples;
//! what comes out depends on nothing else. Records with one key are a conflict unless they are the same to the byte.

use std::sync::Arc;

use indexmap::IndexMap;
use refrain_schemas::digest::Digester;
use refrain_schemas::json::Json;
use refrain_schemas::name::{AgentName, UnitId};
use refrain_schemas::phase_spec::MergeSpec;
use refrain_schemas::why::{Conflict, Proposal};

use crate::reply::Stamped;

/// A record that an agent proposed for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The unit.
    pub unit: UnitId,
    /// The agent.
    pub agent: AgentName,
    /// The sample of that agent.
    pub sample: u32,
    /// The record.
    pub stamped: Stamped,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The records, in the order of their first proposals.
    pub records: Vec<(UnitId, Stamped)>,
    /// The conflicts, in the order of their keys' first proposals.
    pub conflicts: Vec<Conflict>,
    /// Whether a conflict was left open because the rule is `error`.
    pub failed: bool,
}

/// Merges proposals that stand in unit and agent order.
#[must_use]
pub fn merge(rule: &MergeSpec, key_field: &str, proposals: Vec<Proposed>) -> Merged {
    let mut groups: IndexMap<Arc<str>, Vec<Proposed>> = IndexMap::new();
    for mut proposed in proposals {
        if let MergeSpec::Union(fields) = rule {
            proposed.stamped.key = Arc::from(union_key(&proposed.stamped.record, fields));
        }
        groups.entry(proposed.stamped.key.clone()).or_default().push(proposed);
    }
    let mut merged = Merged::default();
    for (key, group) in groups {
        merge_group(rule, key_field, &key, group, &mut merged);
    }
    merged
}

fn merge_group(rule: &MergeSpec, key_field: &str, key: &str, group: Vec<Proposed>, merged: &mut Merged) {
    let differ = group.windows(2).any(|pair| pair[0].stamped.record != pair[1].stamped.record);
    let chosen = if differ { choose(rule, &group) } else { Some(0) };
    if differ {
        merged.conflicts.push(conflict(rule, key, &group, chosen));
    }
    let Some(winner) = chosen.and_then(|n| group.get(n)) else {
        merged.failed = true;
        return;
    };
    let unit = group.first().map_or_else(|| winner.unit.clone(), |first| first.unit.clone());
    let mut stamped = winner.stamped.clone();
    if matches!(rule, MergeSpec::Union(_)) {
        stamped.record = with_proposers(&stamped.record, key_field, key, &group);
    }
    merged.records.push((unit, stamped));
}

fn choose(rule: &MergeSpec, group: &[Proposed]) -> Option<usize> {
    match rule {
        MergeSpec::Error => None,
        MergeSpec::First | MergeSpec::Union(_) => Some(0),
        MergeSpec::Last => Some(group.len() - 1),
        MergeSpec::Vote => {
            let votes = |n: usize| {
                group.iter().filter(|other| other.stamped.record == group[n].stamped.record).count()
            };
            // Of several with the most votes, the first in agent order.
            (0..group.len()).rev().max_by_key(|n| votes(*n))
        }
    }
}

fn conflict(rule: &MergeSpec, key: &str, group: &[Proposed], chosen: Option<usize>) -> Conflict {
    let proposal = |proposed: &Proposed| Proposal {
        unit: proposed.unit.clone(),
        agent: proposed.agent.clone(),
        sample: proposed.sample,
        record: proposed.stamped.record.clone(),
    };
    Conflict {
        key: key.to_owned(),
        rule: rule_name(rule),
        proposals: group.iter().map(proposal).collect(),
        chosen: chosen.and_then(|n| u32::try_from(n).ok()),
    }
}

fn rule_name(rule: &MergeSpec) -> String {
    match rule {
        MergeSpec::Error => "error".to_owned(),
        MergeSpec::First => "first".to_owned(),
        MergeSpec::Last => "last".to_owned(),
        MergeSpec::Vote => "vote".to_owned(),
        MergeSpec::Union(fields) => format!("union of {}", fields.join(", ")),
    }
}

/// The key of a record under `union`: a hash of the fields that make two records the same.
fn union_key(record: &Json, fields: &[String]) -> String {
    let mut digester = Digester::new("refrain union v1");
    for name in fields {
        digester.part(name.as_bytes()).part(record.field(name).unwrap_or_default().as_bytes());
    }
    digester.finish().to_string().chars().take(16).collect()
}

/// Sets the key of a record, and who proposed it, in agent order.
fn with_proposers(record: &Json, key_field: &str, key: &str, group: &[Proposed]) -> Json {
    let mut names: Vec<&str> = Vec::new();
    for proposed in group {
        if !names.contains(&proposed.agent.as_str()) {
            names.push(proposed.agent.as_str());
        }
    }
    let names: Vec<Json> = names.into_iter().map(Json::string).collect();
    let proposers = Json::array(names.iter().map(Json::as_str));
    let keyed = record.with_field(key_field, &Json::string(key));
    keyed.and_then(|record| record.with_field("proposers", &proposers)).unwrap_or_else(|| record.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn proposed(unit: &str, agent: &str, key: &str, value: &Value) -> Proposed {
        let record = Json::of(&json!({"k": key, "v": value})).unwrap();
        let stamped = Stamped { key: Arc::from(key), record };
        Proposed { unit: UnitId::new(unit), agent: agent.parse().unwrap(), sample: 0, stamped }
    }

    fn check(
        rule: &MergeSpec,
        proposals: &[(&str, &str, &str, i32)],
        expect: &str,
        conflicts: usize,
    ) -> Merged {
        let proposals =
            proposals.iter().map(|(unit, agent, key, value)| proposed(unit, agent, key, &json!(value)));
        let merged = merge(rule, "k", proposals.collect());
        let records: Vec<String> = merged
            .records
            .iter()
            .map(|(_, stamped)| format!("{}={}", stamped.key, stamped.record.field("v").unwrap_or("?")))
            .collect();
        assert_eq!(records.join(" "), expect);
        assert_eq!(merged.conflicts.len(), conflicts);
        merged
    }

    #[test]
    fn each_rule_chooses_as_declared() {
        let three = [("u1", "a", "x", 1), ("u1", "b", "x", 2), ("u1", "c", "x", 2), ("u2", "a", "y", 9)];
        assert!(check(&MergeSpec::Error, &three, "y=9", 1).failed);
        check(&MergeSpec::First, &three, "x=1 y=9", 1);
        check(&MergeSpec::Last, &three, "x=2 y=9", 1);
        let voted = check(&MergeSpec::Vote, &three, "x=2 y=9", 1);
        assert_eq!(voted.conflicts[0].chosen, Some(1));
        assert_eq!(voted.conflicts[0].proposals.len(), 3, "all proposals are kept");
    }

    #[test]
    fn a_tie_goes_to_the_first_agent() {
        check(&MergeSpec::Vote, &[("u", "a", "x", 1), ("u", "b", "x", 2)], "x=1", 1);
    }

    #[test]
    fn equal_records_are_no_conflict() {
        assert!(!check(&MergeSpec::Error, &[("u1", "a", "x", 1), ("u2", "b", "x", 1)], "x=1", 0).failed);
    }

    #[test]
    fn union_makes_keys_and_names_all_proposers() {
        let rule = MergeSpec::Union(vec!["v".to_owned()]);
        let proposals = vec![
            proposed("u1", "a", "", &json!(1)),
            proposed("u1", "b", "", &json!(1)),
            proposed("u1", "b", "", &json!(2)),
        ];
        let merged = merge(&rule, "k", proposals);
        assert_eq!(merged.records.len(), 2);
        assert_eq!(merged.records[0].1.record.field("proposers"), Some(r#"["a","b"]"#));
        assert_eq!(
            merged.records[0].1.record.field("k"),
            Some(format!("\"{}\"", merged.records[0].1.key).as_str())
        );
        assert!(merged.conflicts.is_empty());
    }
}
