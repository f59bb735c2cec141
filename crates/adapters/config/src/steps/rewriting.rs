//! Writes what texts of steps files say in ways of their own as phases see it: `steps.ID`, `$item`, functions of loops, turns.

use std::ops::Range;

use refrain_core::check::code::Code;
use refrain_core::check::suggest::suggestion;
use refrain_core::template::is_template;

use super::code::{Word, bound, is_guarded, key_behind, words};
use super::looks;
use super::names::{CALLED, Meaning, TAKEN};
use super::reading::Item;
use super::texts::{Texts, alias, is_alias};

/// A text was refused, and that is told.
struct Refused;

impl Texts<'_, '_, '_> {
    /// Writes `steps.NAME` as the name, and leaves out the `$` of names of loops.
    pub(super) fn rewritten(&mut self, item: &Item<'_>, text: &str, is_bare: bool) -> Option<String> {
        let text = looks::called(text, is_bare);
        let text = text.as_ref();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let bound = bound(text, is_bare);
        for word in words(text, is_bare) {
            let is_own = bound.is_own(&text[word.range.clone()], word.range.start);
            if word.range.start < done || (is_own && !word.has_dollar) {
                continue;
            }
            let Some((range, written)) = self.replaced(item, text, &word, is_bare).ok()? else { continue };
            out.push_str(&text[done..range.start]);
            out.push_str(&written);
            done = range.end;
        }
        out.push_str(&text[done..]);
        Some(out)
    }

    /// Returns what is written for a name, and in the place of what; nothing where it stays as it is.
    fn replaced(
        &mut self,
        item: &Item<'_>,
        text: &str,
        word: &Word,
        is_bare: bool,
    ) -> Result<Option<(Range<usize>, String)>, Refused> {
        let Range { start, end } = word.range;
        let name = &text[start..end];
        if let Some(written) = self.error_word(item, name, text, end) {
            let (written, end) = written.ok_or(Refused)?;
            return Ok(Some((start..end, written)));
        }
        if let Some(written) = self.loop_word(item, name, text, end) {
            let (written, end) = written.ok_or(Refused)?;
            return Ok(Some((start - usize::from(word.has_dollar)..end, written)));
        }
        if word.has_dollar {
            return self.of_a_loop(item, name, start - 1..end);
        }
        if let Some(other) = self.renamed(name, &text[end..]) {
            return Ok(Some((start..end, other)));
        }
        if name == looks::FUNCTION
            && self.names.find(name) == Meaning::Nothing
            && let Some(written) = self.look(item, text, end)
        {
            let (written, end) = written.ok_or(Refused)?;
            return Ok(Some((start..end, written)));
        }
        let behind = self.behind_result(name, text, end);
        if let Some((result, end)) = self.result(item, name, name, (text, is_bare), end) {
            return Ok(Some((start..end, result)));
        }
        if let Some((guarded, end)) = self.guarded(name, text, behind, is_bare) {
            return Ok(Some((start..end, guarded)));
        }
        if behind > end {
            return Ok(Some((start..behind, name.to_owned())));
        }
        if let Some((id, turn, step)) = self.of_turn(name) {
            return Ok(Some((start..end, format!("{}.results[{turn}]['{step}']", alias(id)))));
        }
        if name == "steps" && self.names.find(name) == Meaning::Nothing {
            let (written, end) = self.of_steps(item, text, end, is_bare)?;
            return Ok(Some((start..end, written)));
        }
        Ok(None)
    }

    /// Writes a name behind a `$` without that, and `$items` as the list that is gone over.
    fn of_a_loop(
        &mut self,
        item: &Item<'_>,
        name: &str,
        range: Range<usize>,
    ) -> Result<Option<(Range<usize>, String)>, Refused> {
        if self.names.is_of_a_loop(name) {
            return Ok(Some((range.start..range.start + 1, String::new())));
        }
        if let Some(items) = self.items_around().filter(|_| name == "items") {
            return Ok(Some((range, items)));
        }
        self.unknown(item, &format!("${name}"), name);
        Err(Refused)
    }

    /// Writes what stands behind `steps` as the step that it names; returns where that ends.
    fn of_steps(
        &mut self,
        item: &Item<'_>,
        text: &str,
        at: usize,
        is_bare: bool,
    ) -> Result<(String, usize), Refused> {
        let Some((id, end)) = key_behind(text, at) else {
            if is_guarded(text, at) {
                return Ok(("steps".to_owned(), at));
            }
            let hint = Some("write `steps.ID` or `steps['ID']`".to_owned());
            self.reading.at(
                Code::StepName,
                item,
                "behind `steps` stands the id of a step, written out",
                hint,
            );
            return Err(Refused);
        };
        if self.names.step(id).is_none() && !is_guarded(text, at) {
            let known = self.names.frames.iter().flat_map(|frame| frame.steps.keys().map(String::as_str));
            let hint = suggestion(id, known);
            self.reading.at(Code::StepName, item, format!("there is no step `{id}`"), hint);
            return Err(Refused);
        }
        if let Some(result) = self.result(item, id, &alias(id), (text, is_bare), end) {
            return Ok(result);
        }
        let end = self.behind_result(id, text, end);
        let guarded = self.guarded(&alias(id), text, end, is_bare);
        Ok(guarded.unwrap_or_else(|| (alias(id), end)))
    }

    /// Returns what an input is called in the pipeline whose own name means something else there.
    fn renamed(&self, name: &str, behind: &str) -> Option<String> {
        let is_call = CALLED.contains(&name) && behind.trim_start().starts_with('(');
        let is_taken = TAKEN.contains(&name) || CALLED.contains(&name);
        let is_input =
            || matches!(self.names.find(name), Meaning::Path(path) if path == self.names.input(name));
        (is_taken && !is_call && is_input()).then(|| self.names.other(name))
    }

    /// Writes `STEP.result` and `STEP.success` as names of their own where a value may stand in for what the step makes: that is
    /// its result as well, and may not say whether it is a success.
    fn result(
        &mut self,
        item: &Item<'_>,
        id: &str,
        shown: &str,
        (text, is_bare): (&str, bool),
        at: usize,
    ) -> Option<(String, usize)> {
        let (key, end) = key_behind(text, at).filter(|(key, _)| matches!(*key, "result" | "success"))?;
        let is_step = id != shown || matches!(self.names.find(id), Meaning::Step(_));
        let step = self.names.step(id).filter(|step| is_step && step.has_stand_in && !step.is_loop)?;
        let phase = step.phase.clone();
        if self.own.as_ref() == Some(&phase) {
            return None;
        }
        let mut path = format!("{id}.{key}");
        let mut behind = end;
        while let Some((key, end)) = key_behind(text, behind) {
            path = format!("{path}.{key}");
            behind = end;
        }
        if key == "result" {
            self.field(item, text, is_bare, id, &path);
        }
        let native = format!("phases.{phase}.{key}");
        let mut known = self.read.names.iter().filter(|(name, _)| self.read.results.contains_key(*name));
        let known = known.find(|(_, of)| **of == native).map(|(name, _)| name.clone());
        let name =
            known.unwrap_or_else(|| self.names.own(&mut self.read, &format!("{}_{key}", alias(id)), native));
        self.read.results.insert(name.clone(), phase.clone());
        self.read.phases.insert(phase);
        let is_guarded = (!is_bare || is_template(text)) && is_guarded(text, end);
        Some(if is_guarded { with_defaults(&name, text, end) } else { None }.unwrap_or((name, end)))
    }

    /// Writes `a.b | default(x)` so that the default stands for a step that was skipped as well, which has no fields.
    fn guarded(&self, name: &str, text: &str, at: usize, is_bare: bool) -> Option<(String, usize)> {
        // Few names are guarded, and looking for an alias goes through all steps.
        if (is_bare && !is_template(text)) || !is_guarded(text, at) {
            return None;
        }
        if !matches!(self.names.find(name), Meaning::Step(_)) && self.of_alias(name).is_none() {
            return None;
        }
        with_defaults(name, text, at)
    }

    /// Returns where the name of a step ends: what a loop came to is its result, by that name or without it.
    fn behind_result(&self, name: &str, text: &str, at: usize) -> usize {
        let Some(("result", end)) = key_behind(text, at) else { return at };
        let is_loop = match self.names.find(name) {
            Meaning::Step(_) => self.names.step(name).is_some_and(|step| step.is_loop),
            Meaning::Nothing => {
                let mut steps = self.names.frames.iter().flat_map(|frame| &frame.steps);
                steps.any(|(id, step)| step.is_loop && is_alias(id, name))
            }
            _ => false,
        };
        if is_loop { end } else { at }
    }

    /// Returns the turn of a loop that a name means which nothing else goes by.
    fn of_turn<'t>(&'t self, name: &'t str) -> Option<(&'t str, usize, &'t str)> {
        if !name.contains('_') || !name.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let is_other = self.names.find(name) != Meaning::Nothing || self.of_alias(name).is_some();
        if is_other { None } else { self.names.of_turn(name) }
    }
}

/// Writes a name with the keys behind it so that none of them has to be there; nothing where there are no keys.
fn with_defaults(name: &str, text: &str, mut at: usize) -> Option<(String, usize)> {
    let (mut out, mut before) = (name.to_owned(), None);
    while let Some((key, end)) = key_behind(text, at) {
        if key.contains(['\'', '\\']) {
            return None;
        }
        if let Some(key) = before.replace(key) {
            out = format!("({out} | default({{}}))['{key}']");
        }
        at = end;
    }
    let last = before?;
    Some((format!("({out} | default({{}}))['{last}']"), at))
}
