//! Templates: the text of prompts and params with `{{ … }}` in it.
//!
//! One environment serves all of Refrain: what is undefined is an error rather than an empty text, nothing is escaped,
//! and every rendering has a ceiling on its steps, its work, its depth, its output and the files it can reach (none).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// The most steps of one rendering or evaluation.
const FUEL: u64 = 2_000_000;
/// The deepest nesting of one rendering.
const DEPTH: usize = 60;
/// The longest text that a rendering makes.
const OUTPUT: usize = 32 << 20;

mod blocks;
mod depth;
mod dialect;
mod entries;
mod filters;
mod guards;
mod places;
mod slices;
mod work;

pub(crate) use dialect::environment_of;
pub(crate) use entries::Entries;
pub use guards::Guarded;
pub use refrain_schemas::pipeline::Dialect;
pub(crate) use slices::expression_without_slices;

pub(crate) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// Makes the environment that templates and expressions live in.
///
/// Besides the filters of the language it has those of `docs/prompts.md`, such as `json` for canonical JSON.
#[must_use]
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    // Errors carry the line and the range only in debug mode.
    environment.set_debug(true);
    // Names that can be changed from within loops, and a look at everything there is.
    environment.remove_global("namespace");
    environment.remove_global("debug");
    work::add(&mut environment);
    filters::add(&mut environment);
    environment
}

/// Whether there is a filter of this name.
pub(crate) fn known_filter(name: &str) -> bool {
    known_filter_in(Dialect::Refrain, name)
}

/// Whether a dialect has a filter of this name.
#[must_use]
pub fn known_filter_in(dialect: Dialect, name: &str) -> bool {
    let expression = environment_of(dialect).compile_expression_owned(format!("1|{name}"));
    let evaluated = expression.and_then(|expression| expression.eval(()));
    evaluated.err().is_none_or(|error| error.kind() != ErrorKind::UnknownFilter)
}

/// Whether there is a test of this name, which stands behind `is`.
#[must_use]
pub fn known_test(name: &str) -> bool {
    let expression = ENVIRONMENT.compile_expression_owned(format!("1 is {name}"));
    let evaluated = expression.and_then(|expression| expression.eval(()));
    evaluated.err().is_none_or(|error| error.kind() != ErrorKind::UnknownTest)
}

/// The names of filters of a dialect that are worth a suggestion.
pub fn filters_in(dialect: Dialect) -> impl Iterator<Item = &'static str> + Clone {
    filters().chain(dialect::own_filters(dialect))
}

/// The names of filters that are worth a suggestion.
pub(crate) fn filters() -> impl Iterator<Item = &'static str> + Clone {
    const USUAL: [&str; 22] = [
        "lines",
        "indent",
        "join",
        "length",
        "map",
        "sort",
        "unique",
        "upper",
        "lower",
        "title",
        "trim",
        "replace",
        "default",
        "first",
        "last",
        "list",
        "items",
        "select",
        "selectattr",
        "rejectattr",
        "groupby",
        "round",
    ];
    filters::NAMES.into_iter().chain(USUAL)
}

/// A template or an expression that does not parse, or that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column in characters, from 1; 0 where it is not known.
    pub column: u32,
    /// The bytes of the source that are meant, where that is known.
    pub range: Option<Range<usize>>,
}

impl TemplateError {
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: 0, column: 0, range: None }
    }

    pub(crate) fn of(error: &Error, source: &str, guarded: &Guarded) -> Self {
        let range = error.range().map(|range| guarded.place(range.start)..guarded.place(range.end));
        let range = range.filter(|range| source.get(range.clone()).is_some());
        let (line, column) = range.as_ref().map_or_else(
            || (error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(0), 0),
            |range| position(source, range.start),
        );
        Self { message: message(error, source, range.as_ref()), line, column, range }
    }
}

fn message(error: &Error, source: &str, range: Option<&Range<usize>>) -> String {
    let piece = range.and_then(|range| source.get(range.clone())).unwrap_or_default().trim();
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError if !piece.is_empty() && detail.is_empty() => {
            format!("`{piece}` is undefined")
        }
        ErrorKind::OutOfFuel => format!("more than {FUEL} steps"),
        kind if detail.is_empty() => kind.to_string(),
        _ => detail.to_owned(),
    }
}

fn position(source: &str, byte: usize) -> (u32, u32) {
    let before = source.get(..byte).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// What templates and expressions can see: named values, converted once and shared by every rendering.
#[derive(Debug, Clone, Default)]
pub struct Context(BTreeMap<String, Value>);

impl Context {
    /// Makes a context that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a context of the fields of an object; of anything else, an empty one.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Self {
        let fields = value.as_object().into_iter().flatten();
        Self(fields.map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect())
    }

    /// Adds a value under a name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &serde_json::Value) -> Self {
        self.set(name, value);
        self
    }

    /// Sets the value under a name.
    pub fn set(&mut self, name: &str, value: &serde_json::Value) {
        self.0.insert(name.to_owned(), Value::from(Serde(value)));
    }

    /// Sets a value that has been converted already.
    pub(crate) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn value(&self) -> Value {
        Value::from_pairs(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

impl crate::formula::Names for Context {
    fn get(&self, name: &str) -> Option<std::borrow::Cow<'_, serde_json::Value>> {
        let value = self.0.get(name).filter(|value| !value.is_undefined())?;
        serde_json::to_value(value).ok().map(std::borrow::Cow::Owned)
    }
}

/// A template, compiled once and rendered as often as wanted.
#[derive(Clone)]
pub struct Template(Form);

#[derive(Clone)]
enum Form {
    /// Text without anything to fill in.
    Plain(String),
    /// An environment that has the template, and the template's text.
    Compiled(Box<Environment<'static>>, Arc<(String, Guarded)>),
}

/// The one name in a template's own environment. It is short because each rendering looks it up.
const NAME: &str = "t";

impl Template {
    /// Compiles a template; `name` is what messages call it.
    ///
    /// # Errors
    /// Fails where the text is no template.
    pub fn compile(name: &str, text: &str) -> Result<Self, TemplateError> {
        Self::compile_in(Dialect::Refrain, name, text)
    }

    /// Compiles a template of a dialect; `name` is what messages call it.
    ///
    /// # Errors
    /// Fails where the text is no template.
    pub fn compile_in(dialect: Dialect, name: &str, text: &str) -> Result<Self, TemplateError> {
        if !is_template(text) {
            return Ok(Self(Form::Plain(text.to_owned())));
        }
        let named = |mut error: TemplateError| {
            if !name.is_empty() {
                error.message = format!("{name}: {}", error.message);
            }
            error
        };
        let guarded = Guarded::template(text).map_err(named)?;
        let mut environment = environment_of(dialect).clone();
        let added = environment.add_template_owned(NAME, guarded.text().to_owned());
        added.map_err(|error| named(TemplateError::of(&error, text, &guarded)))?;
        Ok(Self(Form::Compiled(Box::new(environment), Arc::new((text.to_owned(), guarded)))))
    }

    /// Fills the template in.
    ///
    /// # Errors
    /// Fails where something is undefined, has the wrong type, or takes too long.
    pub fn render(&self, context: &Context) -> Result<String, TemplateError> {
        match &self.0 {
            Form::Plain(text) => Ok(text.clone()),
            Form::Compiled(environment, texts) => {
                let (source, guarded) = &**texts;
                let rendered = environment.get_template(NAME).and_then(|t| render(&t, context.value()));
                rendered.map_err(|error| TemplateError::of(&error, source, guarded))
            }
        }
    }

    /// Returns what the template reads from its context, as paths such as `scope.language`.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        match &self.0 {
            Form::Plain(_) => BTreeSet::new(),
            Form::Compiled(environment, texts) => {
                let names = |template: minijinja::Template<'_, '_>| template.undeclared_variables(true);
                let unsliced = slices::without_slices(&texts.1.unguarded(&texts.0));
                let names = match &unsliced {
                    Some(text) => environment.template_from_str(text).map(names),
                    None => environment.get_template(NAME).map(names),
                };
                own(names.ok().into_iter().flatten())
            }
        }
    }
}

impl Template {
    /// Returns the text that was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        match &self.0 {
            Form::Plain(text) => text,
            Form::Compiled(_, texts) => &texts.0,
        }
    }

    /// Returns where the template first reads one of its [`variables`](Self::variables), or a path that one starts with:
    /// the line, the column in characters and the length in characters.
    #[must_use]
    pub fn place_of(&self, path: &str) -> Option<(u32, u32, u32)> {
        Some(self.place(places::place_of(self.source(), path)?))
    }

    /// Returns the filters that the template goes through, with the places where each is named first.
    #[must_use]
    pub fn filters(&self) -> Vec<(&str, (u32, u32, u32))> {
        let found = places::filters(self.source()).into_iter();
        found.map(|(name, range)| (name, self.place(range))).collect()
    }

    /// Returns the tests that the template names behind `is`.
    #[must_use]
    pub fn tests(&self) -> Vec<&str> {
        places::tests(self.source()).into_iter().map(|(name, _)| name).collect()
    }

    /// Says what is wrong with regular expressions of steps files that are written out.
    #[must_use]
    pub fn wrong_patterns(&self) -> Vec<String> {
        let written = places::first_texts(self.source(), &dialect::MATCHING);
        let wrong = written.into_iter().filter_map(|text| {
            let text = environment_of(Dialect::Steps)
                .compile_expression_owned(text.to_owned())
                .ok()?
                .eval(())
                .ok()?;
            dialect::wrong_pattern(text.as_str()?)
        });
        wrong.collect()
    }

    fn place(&self, range: Range<usize>) -> (u32, u32, u32) {
        let source = self.source();
        let (line, column) = position(source, range.start);
        (line, column, u32::try_from(source[range].chars().count()).unwrap_or(u32::MAX))
    }
}

/// Renders a template of an [`environment`], as long as what it makes is not too long.
///
/// # Errors
/// Fails where the template does, and where the text is too long.
pub fn render(template: &minijinja::Template<'_, '_>, context: Value) -> Result<String, Error> {
    let mut page = Page::default();
    let rendered = template.render_captured_to(context, &mut page).map(|_| ());
    if page.is_full {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("more than {} MiB of text", OUTPUT >> 20),
        ));
    }
    rendered?;
    String::from_utf8(page.text).map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
}

/// A text that does not grow beyond a limit.
#[derive(Default)]
struct Page {
    text: Vec<u8>,
    is_full: bool,
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > OUTPUT {
            self.is_full = true;
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a text has anything to fill in.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Functions of the environment look like variables to the analysis; they are not the project's.
pub(crate) fn own(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    const GLOBALS: [&str; 3] = ["range", "dict", "now"];
    names.filter(|name| !GLOBALS.contains(&name.as_str())).collect()
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Plain(text) => f.debug_tuple("Template").field(text).finish(),
            Form::Compiled(..) => f.debug_tuple("Template").field(&self.source()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(text: &str) -> Result<String, String> {
        let context = Context::of(&json!({
            "scope": {"language": "ja"}, "unit": {"id": "a", "text": "<b> & \"c\""}, "list": [{"b": 1, "a": 2}],
        }));
        let template = Template::compile("", text).map_err(|e| format!("{}:{} {e}", e.line, e.column))?;
        template.render(&context).map_err(|e| format!("{}:{} {e}", e.line, e.column))
    }

    #[test]
    fn templates_render_without_escaping() {
        assert_eq!(render("out/{{ scope.language }}.csv"), Ok("out/ja.csv".into()));
        assert_eq!(render("{{ unit.text }}"), Ok("<b> & \"c\"".into()));
        assert_eq!(render("no { braces }"), Ok("no { braces }".into()));
        assert_eq!(render("{{ list | json }}"), Ok("[{\"a\":2,\"b\":1}]".into()));
        assert_eq!(render("{{ 'a\nb' | indent(2) }}"), Ok("a\n  b".into()));
    }

    #[test]
    fn mistakes_have_a_place() {
        assert_eq!(render("x\n{{ scope.tone }}"), Err("2:4 `scope.tone` is undefined".into()));
        assert!(render("a {{ b").unwrap_err().starts_with("1:"), "{:?}", render("a {{ b"));
        assert!(render(&"{{ (".repeat(1000)).unwrap_err().contains("at most"));
    }

    #[test]
    fn endless_templates_end() {
        let text = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert_eq!(render(text), Err("1:0 more than 2000000 steps".into()));
        assert!(render("{% include 'x' %}").is_err());
    }

    #[track_caller]
    fn check_refused(text: &str, expect: &str) {
        let rendered = render(text).map(|text| text.len());
        assert!(matches!(&rendered, Err(error) if error.contains(expect)), "{text:.200}: {rendered:?}");
    }

    const WORK: &str = "more work than on 256 MiB of text";

    /// What a few lines could make of a small text is told of before it is made.
    #[test]
    fn nothing_builds_itself_up() {
        let check = |value: &str, length: usize| {
            let line = format!("{{% set a = {value} %}}");
            check_refused(
                &format!("{{% set a = '{}' %}}{}{{{{ a }}}}", "x".repeat(length), line.repeat(50)),
                WORK,
            );
        };
        check("a ~ a", 20_000);
        check("a + a", 20_000);
        check("[a, a] | json", 20_000);
        check("[a] + [a]", 20_000);
        check("a | replace('x', a)", 300);
        check("a | list | join(a)", 300);
    }

    /// What looks at a value in which the same value stands twice, and so on down, looks at no more than the limit.
    #[test]
    fn what_nests_in_itself_is_charged_wherever_it_is_looked_at() {
        let check = |line: &str, look: &str, expect: &str| {
            let twice = format!("{{% set a = {line} %}}").repeat(40);
            check_refused(&format!("{{% set a = ['x'] %}}{twice}{look}"), expect);
        };
        for look in [
            "{{ a }}",
            "{{ a | safe | length }}",
            "{{ a | escape | length }}",
            "{{ a | e | length }}",
            "{{ a | capitalize }}",
            "{{ a is startingwith 'x' }}",
            "{{ 'x' is endingwith(a) }}",
            "{{ a is lower }}",
            "{{ [a] | map('string') | first }}",
            "{{ [a] | select('startingwith', 'x') | first }}",
            "{% for x in 'ab' %}{{ loop.changed(a or x) }}{% endfor %}",
            "{{ {a: 1} }}",
            "{{ {}[a] }}",
            "{{ {} | attr(a) }}",
            "{{ range(a) }}",
        ] {
            check("[a, a]", look, WORK);
        }
        check("a | chain(a)", "{{ a | length }}", WORK);
        check("a + a", "{{ 1 }}", WORK);
        check("a | zip(a)", "{{ 1 }}", WORK);
        // Nothing may come of it in the end, as long as nothing is done for it either.
        let none = |line: &str| {
            let text = format!("{{% set a = {line} %}}").repeat(40);
            render(&format!("{{% set a = [] %}}{text}{{{{ a | list | length }}}}"))
        };
        assert_eq!(none("a + a"), Ok("0".into()));
        assert_eq!(none("a | chain(a)"), Ok("0".into()));
        assert_eq!(none("a | zip(a)"), Ok("0".into()));
        let maps = "{% set a = a | chain(a) %}".repeat(40);
        assert_eq!(render(&format!("{{% set a = {{}} %}}{maps}{{{{ a | length }}}}")), Ok("0".into()));
    }

    #[test]
    fn nothing_is_captured() {
        let line = "{% set a|default('=') %}{{ a }}{{ a }}{% endset %}".repeat(40);
        check_refused(&format!("{{% set a = 'x' %}}{line}"), "`set` without `=`");
        check_refused("{% for x in [1]\nrecursive\n%}{% set s = loop([x]) %}{% endfor %}", "`recursive`");
        check_refused(
            "{% raw %}{% endraw x %}{{ ) {% endraw %}{% set a %}x{% endset %}",
            "`set` without `=`",
        );
    }

    #[test]
    fn small_things_ask_for_nothing_large() {
        let check = check_refused;
        check("{{ 'x' * 100000000 }}", "a text is repeated a whole number of times, 10000 at most");
        check("{{ 'x' * 100 * 100000 }}", "a text is repeated once");
        check("{{ 'x' * -(-100000000) }}", "a text is repeated once");
        check("{{ 900000000 // 3 * 'x' }}", "`*` multiplies numbers, not a string");
        check("{{ 101 * [1] }}", "`*` multiplies numbers, not a sequence");
        check("{% set a = 'x' * 9999 %}{% for b in range(999) %}{% set c = 100 * a %}{% endfor %}", WORK);
        check("{% for b in range(999) %}{{ 'x' * 9999 }}{% endfor %}", WORK);
        check("{{ 'x' | indent(100000000) }}", "a width is at most 10000");
        check("{{ [1] | tojson(indent=100000000) }}", "a width is at most 10000");
        check("{{ '%099999999d' | format(1) }}", "a width is at most 10000");
        check("{{ '%*d' | format(99999999, 1) }}", "a width is at most 10000");
        check("{{ [1] | slice(99999999999) | list }}", WORK);
        check("{{ [1] | batch(99999999999, 0) | list }}", WORK);
        check("{% set ns = namespace(x=1) %}", "");
        check("{{ [range(99999) | list] | tojson(indent=9999) }}", WORK);
        check("{{ range(99999) | map('string') | sum(start='') }}", "more work than");
        check(&format!("{{{{ '{}' | format(a=1) }}}}", "%(a)9999d".repeat(50_000)), WORK);
        check("{{ 1 is divisibleby 0 }}", "nothing is divisible by 0");
        check("{{ range(9223372036854775807, -9223372036854775807, -1) }}", "less than 10 digits");
        let line = "x".repeat(100_000);
        check(&format!("{{% for a in range(999) %}}{line}{{% endfor %}}"), "more than 32 MiB");
        check(
            &format!("{{% set b = '{line}' %}}{{% for a in range(9999) %}}{{{{ b == b }}}}{{% endfor %}}"),
            WORK,
        );
    }

    #[test]
    fn texts_are_repeated_a_little() {
        assert_eq!(render("{{ '=' * 3 }}{{ '-' * (1 + 2) }}{{ 2 * 'ab' }}"), Ok("===---abab".into()));
        assert_eq!(render("{{ [1] * 2 }} {{ 'ab' * 'xyz' | length }}"), Ok("[1, 1] ababab".into()));
        assert_eq!(render("{{ 2 * 3 * 4 }} {{ 7 // 2 * 3 }}"), Ok("24 9".into()));
    }

    #[test]
    fn guards_are_not_seen() {
        check_refused("a\n{{ 1 ~ nothing ~ 2 }}", "2:4 `nothing` is undefined");
        check_refused("{{ 1 ~ 2 }}{{ scope.tone ~ 1 }}", "1:15 `scope.tone` is undefined");
        check_refused("{{ 1 ~ 2 }} {{ unit.text * 200 }}", "`*` multiplies numbers, not a string");
        let text = "{{ (1 + 2) * 3 ~ (2 in [1, 2]) ~ ('a' not in 'bc') }}";
        assert_eq!(render(text), Ok("9TrueTrue".into()));
    }

    #[test]
    fn variables_are_paths() {
        let template = Template::compile(
            "",
            "{% for x in unit.records %}{{ x.y }}{{ scope.language }}{{ range(3) }}{% endfor %}",
        );
        let variables: Vec<String> = template.unwrap().variables().into_iter().collect();
        assert_eq!(variables, ["scope.language", "unit.records"]);
    }
}
