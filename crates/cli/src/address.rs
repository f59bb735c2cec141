//! How phases, revisions and units are named on the command line: `PHASE[@SCOPE][#REVISION][/UNIT]`.

use std::fmt;
use std::str::FromStr;

use refrain_core::engine::Selection;
use refrain_schemas::name::{PhaseName, Revision};

/// A phase, perhaps in one scope: `translate`, `translate@ja`, `tone@ja,formal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhaseAddress(pub(crate) Selection);

/// A phase and perhaps one revision of it: `translate@ja#3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RevisionAddress {
    /// The phase and scope.
    pub(crate) selection: Selection,
    /// The revision; the latest where none is named.
    pub(crate) revision: Option<Revision>,
}

/// A phase and perhaps one unit of it: `translate@ja/line_1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitAddress {
    /// The phase and scope.
    pub(crate) selection: Selection,
    /// The unit; everything behind the first `/`, whatever it holds.
    pub(crate) unit: Option<String>,
}

/// A text that names nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for PhaseAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(at) = text.find(['#', '/']) {
            return Err(AddressError(format!(
                "`{}` is too much here: write PHASE or PHASE@SCOPE, such as `{}`",
                &text[at..],
                &text[..at]
            )));
        }
        selection(text).map(Self)
    }
}

impl FromStr for RevisionAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((phase, number)) = text.split_once('#') else {
            return Ok(Self { selection: text.parse::<PhaseAddress>()?.0, revision: None });
        };
        let number = number.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(|| {
            AddressError(format!(
                "`#{number}` is no revision: revisions are numbered from 1, such as `{phase}#1`"
            ))
        })?;
        Ok(Self { selection: phase.parse::<PhaseAddress>()?.0, revision: Some(Revision(number)) })
    }
}

impl FromStr for UnitAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // The unit comes last and is anything, so the first slash ends the phase: neither phases nor scopes hold one.
        let (phase, unit) = text.split_once('/').map_or((text, None), |(phase, unit)| (phase, Some(unit)));
        if unit == Some("") {
            return Err(AddressError(format!("a unit is missing behind `{phase}/`")));
        }
        Ok(Self { selection: phase.parse::<PhaseAddress>()?.0, unit: unit.map(str::to_owned) })
    }
}

fn selection(text: &str) -> Result<Selection, AddressError> {
    let (phase, values) = text.split_once('@').map_or((text, None), |(phase, scope)| (phase, Some(scope)));
    let phase: PhaseName = phase.parse().map_err(|error| match is_file(text) {
        true => AddressError(format!("`{text}` looks like a file: write `-f {text}`")),
        false => AddressError(format!("{error}")),
    })?;
    let values: Vec<String> = values.map_or_else(Vec::new, |v| v.split(',').map(str::to_owned).collect());
    if values.iter().any(String::is_empty) {
        return Err(AddressError(format!("a scope value is missing in `{text}`: write `{phase}@VALUE`")));
    }
    Ok(Selection { phase, values })
}

fn is_file(text: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| text.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(phase: &str, values: &[&str]) -> Selection {
        Selection { phase: phase.parse().unwrap(), values: values.iter().map(|v| (*v).to_owned()).collect() }
    }

    fn refused<T: FromStr<Err = AddressError> + fmt::Debug>(text: &str, part: &str) {
        let error = text.parse::<T>().unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }

    #[test]
    fn phases_and_scopes() {
        let parse = |text: &str| text.parse::<PhaseAddress>().unwrap().0;
        assert_eq!(parse("translate"), selected("translate", &[]));
        assert_eq!(parse("translate@ja"), selected("translate", &["ja"]));
        assert_eq!(parse("tone@ja,formal"), selected("tone", &["ja", "formal"]));
        assert_eq!(parse("tone@pt-BR"), selected("tone", &["pt-BR"]));
        for bad in
            ["", "@ja", "translate@", "tone@ja,", "tone@,formal", "a b", "translate@ja/line", "translate#2"]
        {
            assert!(bad.parse::<PhaseAddress>().is_err(), "{bad:?}");
        }
        refused::<PhaseAddress>("translate@ja/line_1", "`/line_1` is too much");
        refused::<PhaseAddress>("1st", "phase name");
        refused::<PhaseAddress>("sub/pipeline.yaml", "too much");
        refused::<PhaseAddress>("pipeline.yaml", "write `-f pipeline.yaml`");
    }

    #[test]
    fn revisions() {
        let parse = |text: &str| text.parse::<RevisionAddress>().unwrap();
        assert_eq!(parse("qa@ja#12").revision, Some(Revision(12)));
        assert_eq!(parse("qa@ja#12").selection, selected("qa", &["ja"]));
        assert_eq!(parse("qa"), RevisionAddress { selection: selected("qa", &[]), revision: None });
        for bad in ["qa#", "qa#0", "qa#-1", "qa#x", "qa#1#2", "#1", "qa#4294967296"] {
            assert!(bad.parse::<RevisionAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unit_ids_hold_anything() {
        let parse = |text: &str| text.parse::<UnitAddress>().unwrap();
        for unit in ["line_1", "a/b", "line_1@ja", "#3", "scene 1/ü@x#9", "/"] {
            let address = parse(&format!("translate@ja/{unit}"));
            assert_eq!(address.selection, selected("translate", &["ja"]));
            assert_eq!(address.unit.as_deref(), Some(unit));
        }
        assert_eq!(parse("translate").unit, None);
        assert_eq!(parse("translate/x@y").selection, selected("translate", &[]));
        refused::<UnitAddress>("translate/", "a unit is missing");
        refused::<UnitAddress>("translate#1/x", "too much");
    }
}
