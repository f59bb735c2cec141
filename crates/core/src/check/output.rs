//! What a phase makes of replies.

use refrain_schemas::name::PhaseName;
use refrain_schemas::phase_spec::{MergeSpec, OutputSpec, PhaseSpec};

use super::Checker;
use super::code::Code;
use super::phases::Made;
use super::pool::Pool;
use crate::model::{Output, OutputShape, Split, Units};

impl Checker<'_> {
    /// Returns what a phase that asks makes; `None` where a mistake stands in the way.
    pub(super) fn output(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        pool: &Pool,
        units: &Units,
        source: &Made,
    ) -> Option<Output> {
        let output = spec.output.clone().unwrap_or_default();
        let path = format!("phases.{name}.output");
        let schema = output.schema.as_ref().map(|schema| self.schema(schema, &format!("{path}.schema")));
        if output.records.is_some() && output.document.is_some() {
            self.problems.add(Code::OutputKinds, &path, "the output is records and a document");
            return None;
        }
        self.field_name(output.key.as_deref(), &format!("{path}.key"));
        self.merging(name, spec, pool, &output);
        let shape = if output.document.is_some() {
            self.document(&output, &path);
            OutputShape::Document
        } else {
            self.aligned(&output, units, source, &path);
            OutputShape::Records { key: self.key(name, spec, &output, units, source)? }
        };
        let carry = self.carry(&output, units, &path);
        Some(Output { shape, aligned: output.aligned, carry, schema: schema.flatten(), rules: None })
    }

    fn document(&mut self, output: &OutputSpec, path: &str) {
        let given = [
            ("key", output.key.is_some()),
            ("aligned", output.aligned),
            ("carry", !output.carry.is_empty()),
            ("rules", output.rules.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let message = format!("`{field}` is for records, and the output is a document");
            self.problems.add(Code::DocumentField, format!("{path}.{field}"), message);
        }
    }

    fn aligned(&mut self, output: &OutputSpec, units: &Units, source: &Made, path: &str) {
        if !output.aligned {
            return;
        }
        if *source == Made::Document {
            let message = "the input is a document, to which no records can be aligned";
            self.problems.add(Code::AlignedDocument, format!("{path}.aligned"), message);
        } else if units.split == Split::Whole {
            let message = "the whole input is one unit, to which records are not aligned";
            self.problems.add(Code::AlignedWhole, format!("{path}.aligned"), message);
        }
        if let (Split::By(_) | Split::Chunk(_), Made::Records(input), Some(key)) =
            (&units.split, source, &output.key)
            && input != key
        {
            let message = format!("the input's records are told apart by `{input}`, not by `{key}`");
            self.problems.add(Code::AlignedKey, format!("{path}.key"), message);
        }
    }

    /// Returns what records take over from their unit. A group has many records, of which none is meant more than another.
    fn carry(&mut self, output: &OutputSpec, units: &Units, path: &str) -> Vec<(String, String)> {
        if !output.carry.is_empty() && units.split != Split::Record {
            let message = "the units are no single records, so that there is no field to take over";
            self.problems.add(Code::CarryGroup, format!("{path}.carry"), message);
        }
        for (field, from) in &output.carry {
            let path = format!("{path}.carry.{field}");
            self.field_name(Some(field.as_str()).filter(|_| !from.is_empty()).or(Some("")), &path);
        }
        output.carry.clone().into_iter().collect()
    }

    /// Returns the key of the records: as written, else where it follows from the units. An aligned output has the key
    /// of its input; else one record per unit is meant, and it is told apart as the unit is.
    fn key(
        &mut self,
        name: &PhaseName,
        spec: &PhaseSpec,
        output: &OutputSpec,
        units: &Units,
        source: &Made,
    ) -> Option<String> {
        if output.key.is_some() {
            return output.key.clone();
        }
        let union = matches!(spec.merge, Some(MergeSpec::Union(_)));
        let inferred = match source {
            _ if union => None,
            Made::Records(key) if output.aligned => Some(key.clone()),
            // What is not known may have a key; there is nothing to say before that is mended.
            Made::Unknown if units.id_field.is_none() && units.split == Split::Record => return None,
            _ => units.id_field.clone(),
        };
        if inferred.is_none() {
            let message = if union {
                "`union` makes keys, and no field is named to hold them".to_owned()
            } else {
                format!("nothing tells the records of phase `{name}` apart")
            };
            self.problems.add(Code::NoKey, format!("phases.{name}.output"), message);
        }
        inferred
    }

    fn merging(&mut self, name: &PhaseName, spec: &PhaseSpec, pool: &Pool, output: &OutputSpec) {
        let path = format!("phases.{name}.merge");
        let merge = spec.merge.clone().unwrap_or_default();
        let document = output.document.is_some();
        let of_records = matches!(merge, MergeSpec::Vote | MergeSpec::Union(_));
        if document && of_records {
            self.problems.add(Code::MergeDocument, &path, "there are no records to merge in a document");
        }
        if output.aligned && matches!(merge, MergeSpec::Union(_)) {
            let message = "`union` makes keys of its own, and an aligned output has those of its input";
            self.problems.add(Code::UnionAligned, &path, message);
        }
        let asks = pool.asks_per_unit(spec.fan.unwrap_or_default());
        let collide = output.aligned || document;
        if collide && asks > 1 && merge == MergeSpec::Error {
            let message = format!("{asks} replies about each unit would all be in conflict");
            self.problems.add(Code::SureConflict, format!("phases.{name}"), message);
        }
        // A pool with unknown agents may have more.
        let idle = collide
            && asks == 1
            && pool.idle == 0
            && !matches!(merge, MergeSpec::Error | MergeSpec::Union(_));
        if idle && !(of_records && document) {
            self.problems.add(Code::IdleMerge, path, "each unit has one reply, and no two share a record");
        }
    }
}
