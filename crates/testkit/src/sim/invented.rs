//! Subjects made up from a seed: small pipelines of all shapes, and what people do to them between runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use refrain_core::check::{Surroundings, check};
use refrain_core::model::Model;
use refrain_core::ports::agent::AgentFactory;
use refrain_schemas::pipeline::Pipeline;
use serde::Serialize;
use serde_json::Value;

use super::profile::Profile;
use super::seed::{Chance, Seed};
use super::subject::{Chapter, Subject};
use crate::world::files::Files;

mod cast;
mod edits;
mod pipeline;

/// A text with this in it is refused by every simulated agent, in every weather.
const REFUSED: &str = "unspeakable";

/// A subject made up from a seed.
#[derive(Debug)]
pub struct Invented {
    /// The subject.
    pub subject: Subject,
    /// What its chapters are like.
    pub drafts: Vec<Draft>,
}

/// A project as it would be written down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Draft {
    /// Its pipeline file.
    pub pipeline: Value,
    /// Its other files: records, documents and texts.
    pub files: BTreeMap<String, Value>,
}

/// Makes a subject up. Drafts that would not pass the check of a pipeline are made up anew.
///
/// # Panics
/// Where nothing that it makes up passes the check.
#[must_use]
#[expect(clippy::panic, reason = "a test cannot go on")]
pub fn invented(seed: Seed) -> Invented {
    let mut chance = seed.chance("invented");
    let mut problems = Vec::new();
    for _ in 0..20 {
        let draft = pipeline::draft(&mut chance);
        match chapter(&draft) {
            Ok(first) => return story(draft, first, &mut chance),
            Err(words) => problems = words,
        }
    }
    panic!("seed {seed}: nothing passes the check: {}", problems.join("; "))
}

/// Returns the profile whose turn it is.
#[must_use]
pub const fn profile_of(seed: Seed) -> Profile {
    // Nothing is to be found in calm weather that is not found in any other.
    [Profile::Crash, Profile::Hostile, Profile::Flaky, Profile::Crash, Profile::Storm][(seed.0 % 5) as usize]
}

fn story(draft: Draft, first: Chapter, chance: &mut Chance) -> Invented {
    let mut invented = Invented { subject: Subject::refusing(first, REFUSED), drafts: vec![draft] };
    for n in 0..chance.below(7) / 3 {
        let mut next = invented.drafts[invented.drafts.len() - 1].clone();
        edits::edit(&mut next, n, chance);
        // An edit that breaks the pipeline is one that nobody would run.
        if let Ok(chapter) = chapter(&next) {
            invented.subject = invented.subject.then(chapter);
            invented.drafts.push(next);
        }
    }
    invented
}

/// Checks a draft.
///
/// # Errors
/// Fails with all problems that there are.
pub(crate) fn chapter(draft: &Draft) -> Result<Chapter, Vec<String>> {
    let files = Files::default();
    draft.files.iter().for_each(|(path, contents)| files.set(path, contents.clone()));
    let model = model(&draft.pipeline, &files.bytes())?;
    let files = Arc::new(files);
    let (reader, writer) = (files.clone(), files.clone());
    Ok(Chapter { model: Arc::new(model), files, reader, writer, builtins: Vec::new() })
}

fn model(pipeline: &Value, files: &BTreeMap<String, Vec<u8>>) -> Result<Model, Vec<String>> {
    let pipeline: Pipeline =
        serde_json::from_value(pipeline.clone()).map_err(|error| vec![error.to_string()])?;
    let factories: [Arc<dyn AgentFactory>; 1] = [Arc::new(cast::Cast)];
    let around = Surroundings { factories: &factories, files, set: &BTreeMap::new() };
    let (model, problems) = check(&pipeline, &around);
    let words = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
    model.ok_or_else(|| words.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn most_drafts_pass_the_check_and_all_shapes_are_there() {
        let mut words: BTreeSet<&str> = BTreeSet::new();
        let mut refused = BTreeMap::new();
        let mut n_passed = 0;
        for seed in 0..400 {
            let draft = pipeline::draft(&mut Seed(seed).chance("invented"));
            match chapter(&draft) {
                Ok(_) => {
                    n_passed += 1;
                    let text = draft.pipeline.to_string();
                    words.extend(pipeline::SHAPES.iter().filter(|word| text.contains(**word)));
                }
                Err(problems) => *refused.entry(problems.join("; ")).or_insert(0) += 1,
            }
        }
        assert!(n_passed > 300, "{n_passed} of 400; {refused:#?}");
        let missing: Vec<&&str> = pipeline::SHAPES.iter().filter(|word| !words.contains(**word)).collect();
        assert!(missing.is_empty(), "{missing:?} never passed; {refused:#?}");
    }

    #[test]
    fn the_same_seed_makes_up_the_same_subject() {
        for seed in 0..20 {
            assert_eq!(invented(Seed(seed)).drafts, invented(Seed(seed)).drafts);
        }
    }
}
