//! What a formula can see: names and the values of templates, each looked up once and only when it is needed.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::error::{FormulaErrorKind, Outcome};

/// The names that a formula can read.
pub trait Names {
    /// Returns the value of a name, where it has one.
    ///
    /// It is asked at most once for each name of an evaluation, and only for names that are come to.
    fn get(&self, name: &str) -> Option<Cow<'_, Json>>;
}

impl Names for Map<String, Json> {
    fn get(&self, name: &str) -> Option<Cow<'_, Json>> {
        Self::get(self, name).map(Cow::Borrowed)
    }
}

impl Names for BTreeMap<String, Json> {
    fn get(&self, name: &str) -> Option<Cow<'_, Json>> {
        Self::get(self, name).map(Cow::Borrowed)
    }
}

/// The values of the templates inside of a condition.
pub trait Holes {
    /// Returns the value of a template by its number, which counts from 0 in the order of the text.
    ///
    /// # Errors
    /// Fails with the words of the template language, as where something is undefined.
    fn value(&self, number: usize) -> Result<Json, String>;
}

impl<F: Fn(usize) -> Result<Json, String>> Holes for F {
    fn value(&self, number: usize) -> Result<Json, String> {
        self(number)
    }
}

/// A formula that stands by itself has no templates.
pub(super) struct NoHoles;

impl Holes for NoHoles {
    fn value(&self, _: usize) -> Result<Json, String> {
        Err("there is no template".to_owned())
    }
}

/// Holds what an evaluation has looked up.
pub(super) struct Store<'v> {
    names: &'v dyn Names,
    loaded: BTreeMap<&'v str, OnceCell<Option<Cow<'v, Json>>>>,
    holes: &'v dyn Holes,
    filled: Vec<OnceCell<Json>>,
}

impl<'v> Store<'v> {
    pub(super) fn new(
        names: &'v dyn Names,
        paths: &'v BTreeSet<String>,
        holes: &'v dyn Holes,
        n_holes: usize,
    ) -> Self {
        let roots = paths.iter().map(|path| path.split('.').next().unwrap_or(path));
        let filled = (0..n_holes).map(|_| OnceCell::new()).collect();
        Self { names, loaded: roots.map(|root| (root, OnceCell::new())).collect(), holes, filled }
    }

    pub(super) fn name(&self, name: &str) -> Outcome<&Json> {
        let value =
            self.loaded.get(name).and_then(|cell| cell.get_or_init(|| self.names.get(name)).as_deref());
        value.ok_or_else(|| FormulaErrorKind::Undefined { path: name.to_owned() })
    }

    pub(super) fn hole(&self, number: usize) -> Outcome<&Json> {
        let missing = || FormulaErrorKind::Hole { message: "there is no such template".to_owned() };
        let cell = self.filled.get(number).ok_or_else(missing)?;
        if let Some(value) = cell.get() {
            return Ok(value);
        }
        let value = self.holes.value(number).map_err(|message| FormulaErrorKind::Hole { message })?;
        Ok(cell.get_or_init(|| value))
    }
}
