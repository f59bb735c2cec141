//! What the templates and expressions of an agent see.

use refrain_core::ports::agent::{AskedUnit, Request};
use serde_json::{Map, Value};

use crate::engine::{View, names, see};

/// What all units of a call see.
pub(crate) struct Views {
    fixed: Vec<(String, View)>,
    context: Vec<(String, View)>,
}

impl Views {
    /// Reads what a call shares: `scope`, `params`, `context` and the entries of the context by their names.
    pub(crate) fn of(request: &Request) -> Self {
        let scope = request.scope.iter().map(|(name, value)| (name.to_string(), Value::from(value)));
        let scope = Value::Object(scope.collect());
        let fixed =
            vec![("scope".to_owned(), see(&scope)), ("params".to_owned(), see(&request.vars.value()))];
        Self { fixed, context: entries(&request.context.value()) }
    }

    /// Returns what one unit sees; `fields` are those of `unit` besides its id, `more` further names.
    pub(crate) fn unit(&self, unit: &AskedUnit, fields: &Map<String, Value>, more: &[(&str, View)]) -> View {
        let mut own = fields.clone();
        own.insert("id".to_owned(), Value::from(unit.id.as_str()));
        let mut context = self.context.clone();
        context.extend(entries(&unit.context.value()));
        let mut all = context.clone();
        all.push(("context".to_owned(), names(context)));
        all.extend(more.iter().map(|(name, view)| ((*name).to_owned(), view.clone())));
        // The fixed names come last and win over context entries of the same name.
        all.extend(self.fixed.iter().cloned());
        all.push(("unit".to_owned(), see(&Value::Object(own))));
        names(all)
    }
}

fn entries(context: &Value) -> Vec<(String, View)> {
    let fields = context.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.clone(), see(value))).collect()
}
