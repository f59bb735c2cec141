//! Templates: the text of prompts and params with `{{ … }}` in it.
//!
//! One environment serves all of Refrain: what is undefined is an error rather than an empty text, nothing is escaped,
//! and every rendering has a ceiling on its steps, its work, its depth, its output and the files it can reach (none).

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// The most steps of one rendering or evaluation.
const FUEL: u64 = 2_000_000;
/// The deepest nesting of one rendering.
const DEPTH: usize = 60;
/// The longest text that a rendering makes.
const OUTPUT: usize = 32 << 20;

mod blocks;
mod context;
pub(crate) mod defined;
mod depth;
mod dialect;
mod entries;
mod error;
mod filters;
mod guards;
mod places;
mod slices;
#[cfg(test)]
mod tests;
mod words;
mod work;

pub use context::Context;
pub(crate) use dialect::environment_of;
pub(crate) use entries::Entries;
pub use error::TemplateError;
use error::position;
pub use guards::Guarded;
pub use refrain_schemas::pipeline::Dialect;
pub(crate) use slices::expression_without_slices;
pub use words::{filters_in, known_filter_in, known_test};
pub(crate) use words::{known_filter, usual_filters};

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
