//! What prompts read: everything must be there.

use refrain_schemas::name::DimensionName;
use refrain_schemas::problem::Place;

use super::super::code::Code;
use super::super::templates::located;
use super::super::{Checker, suggest};
use super::{Found, Reader, place};
use crate::model::Select;
use crate::prompt::Sight;
use crate::template::{TemplateError, known_filter, usual_filters};

/// What is wrong with a name, and what to do about it.
type Wrong = (Code, String, Option<String>);

const ROOTS: [&str; 6] = ["unit", "units", "context", "scope", "params", "previous"];

impl Checker<'_> {
    /// Checks everything that a layer reads.
    pub(super) fn layer_names(&mut self, found: &Found, reader: &Reader<'_>) {
        for variable in found.layer.template.variables() {
            let parts: Vec<&str> = variable.split('.').collect();
            let path = parts[..parts.len().min(2)].join(".");
            let wrong = match parts[..] {
                ["unit" | "units", ..] => unit_name(parts[0], reader),
                ["context"] => whole_context(reader),
                ["context", name, ..] => context_name(name, reader),
                ["scope", name, ..] => scope_name(name, reader),
                ["params", name, ..] => self.param_name(name),
                ["previous", ..] => previous_name(reader),
                ["scope" | "params"] => None,
                _ => Some(root_name(parts[0])),
            };
            let Some((code, message, hint)) = wrong else { continue };
            let shown = if ROOTS.contains(&parts[0]) && parts[0] != "previous" { &path } else { parts[0] };
            self.wrong_name(found, shown, code, message, hint);
        }
    }

    /// Checks that there is every filter that a layer names; without, it would fail for each unit by itself.
    pub(super) fn layer_filters(&mut self, found: &Found) {
        for (name, (line, column, length)) in found.layer.template.filters() {
            if known_filter(name) {
                continue;
            }
            let file = found.layer.path.clone();
            let place = file.map(|file| Place { file, line, column, length });
            let message = format!("there is no filter `{name}`");
            let message = match place {
                Some(_) => message,
                None => located(&TemplateError { message, line, column, range: None }),
            };
            let hint = suggest::nearest(name, usual_filters()).map(|near| format!("did you mean `{near}`?"));
            self.problems.add_at(Code::PromptName, &*found.at, message, hint, place);
        }
    }

    fn wrong_name(&mut self, found: &Found, shown: &str, code: Code, message: String, hint: Option<String>) {
        let place = place(&found.layer, shown);
        let message = match found.layer.template.place_of(shown) {
            Some((line, column, _)) if place.is_none() => {
                located(&TemplateError { message, line, column, range: None })
            }
            _ => message,
        };
        self.problems.add_at(code, &*found.at, message, hint, place);
    }

    fn param_name(&self, name: &str) -> Option<Wrong> {
        let known = self.pipeline.params.contains_key(name)
            || self.broken.may_have("params", &self.broken.params, name);
        let hint = || {
            suggest::suggestion(name, self.pipeline.params.keys().map(String::as_str))
                .or_else(|| Some(format!("declare it: `params: {{ {name}: {{ type: string }} }}`")))
        };
        (!known).then(|| (Code::PromptName, format!("there is no param `{name}`"), hint()))
    }
}

fn unit_name(root: &str, reader: &Reader<'_>) -> Option<Wrong> {
    let is_wrong = reader.is_system && reader.is_packed();
    is_wrong.then(|| {
        let message =
            format!("a system prompt reads `{root}`, and a call of this phase carries several units");
        (Code::PromptSystem, message, None)
    })
}

fn whole_context(reader: &Reader<'_>) -> Option<Wrong> {
    let own = reader.work.context.iter().find(|context| context.select != Select::Whole)?;
    if reader.is_system && reader.is_packed() {
        return Some(differs(&own.name, reader));
    }
    None
}

fn context_name(name: &str, reader: &Reader<'_>) -> Option<Wrong> {
    if !reader.spec.context.contains_key(name) {
        let known = reader.spec.context.keys().map(String::as_str);
        let hint = suggest::suggestion(name, known)
            .unwrap_or_else(|| format!("declare it: `context: {{ {name}: {{ file: PATH }} }}`"));
        let message = format!("phase `{}` has no context `{name}`", reader.phase);
        return Some((Code::PromptName, message, Some(hint)));
    }
    let is_own = reader.work.context.iter().any(|c| c.name == name && c.select != Select::Whole);
    let is_alone = if reader.is_system { !reader.is_packed() } else { reader.sight == Sight::Each };
    (is_own && !is_alone).then(|| differs(name, reader))
}

fn differs(name: &str, reader: &Reader<'_>) -> Wrong {
    if reader.is_system {
        let message =
            format!("a system prompt reads context `{name}`, which differs from unit to unit of a call");
        return (Code::PromptSystem, message, None);
    }
    let hint =
        format!("read it from a unit: `{{% for u in units %}}{{{{ u.context.{name} }}}}{{% endfor %}}`");
    (Code::PromptName, format!("context `{name}` differs from unit to unit"), Some(hint))
}

fn scope_name(name: &str, reader: &Reader<'_>) -> Option<Wrong> {
    let per = &reader.spec.per;
    if per.iter().any(|dimension| dimension.as_str() == name) {
        return None;
    }
    let hint = match suggest::nearest(name, per.iter().map(DimensionName::as_str)) {
        Some(near) => format!("did you mean `scope.{near}`?"),
        None => format!("add `per: [{name}]` to phase `{}`", reader.phase),
    };
    let message = format!("`scope.{name}` is read, and phase `{}` is not per `{name}`", reader.phase);
    Some((Code::PromptName, message, Some(hint)))
}

fn previous_name(reader: &Reader<'_>) -> Option<Wrong> {
    if !reader.is_behind {
        let message = format!("`previous` is read, and no agent of phase `{}` answers before", reader.phase);
        let hint = "only the later links of `fan: chain` see what the one before said".to_owned();
        return Some((Code::PromptName, message, Some(hint)));
    }
    if reader.is_system && reader.is_packed() {
        let message = "a system prompt reads `previous`, which differs from unit to unit of a call";
        return Some((Code::PromptSystem, message.to_owned(), None));
    }
    (!reader.is_system && reader.sight == Sight::All).then(|| {
        let hint = "read it from a unit: `{% for u in units %}{{ u.previous }}{% endfor %}`".to_owned();
        (Code::PromptName, "`previous` differs from unit to unit".to_owned(), Some(hint))
    })
}

fn root_name(root: &str) -> Wrong {
    let hint = suggest::nearest(root, ROOTS).map(|near| format!("did you mean `{near}`?"));
    (Code::PromptName, format!("the prompt reads `{root}`"), hint)
}
