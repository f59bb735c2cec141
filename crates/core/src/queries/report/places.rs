//! Where time and money went: scenes where records have them, else units.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use refrain_schemas::json::{field, scalar_text};
use refrain_schemas::ledger::{CallState, CallView};
use refrain_schemas::overview::{Place, Places};
use refrain_schemas::scope::Target;
use refrain_schemas::usage::Usage;

use super::calls::duration;
use crate::engine::{Engine, EngineError};
use crate::history::History;
use crate::model::{Model, Phase, Split, Work};
use crate::queries::ledger::share;
use crate::tree::walk::walk;
use crate::upstream::{scopes_read, units_of};

/// What places are called that are the units themselves.
pub(super) const UNIT: &str = "unit";
/// The field of a record that names its scene.
const SCENE: &str = "scene_id";
/// The scene of records that have none while others do.
const NONE: &str = "(none)";

/// At which place each unit is.
#[derive(Debug)]
pub(super) struct PlaceMap {
    by: String,
    /// The scene of each unit that the source has now; `None` where units are places themselves.
    scenes: Option<HashMap<String, Arc<str>>>,
}

impl PlaceMap {
    /// Finds out at which place each unit of a target is.
    pub(super) async fn of(engine: &Engine, history: &History, target: &Target) -> Result<Self, EngineError> {
        let model = engine.model();
        let Some(phase) = model.phase(target.phase.as_str()) else { return Ok(Self::units(UNIT)) };
        match &phase.work {
            Work::Ask(work) => match &work.units.split {
                Split::By(field) => Ok(Self::units(field)),
                Split::Record => Self::scenes(engine, history, phase, target).await,
                Split::Chunk(_) | Split::Whole | Split::Given => Ok(Self::units(UNIT)),
            },
            Work::Read(_) | Work::Write(_) | Work::Loop(_) => Ok(Self::units(UNIT)),
        }
    }

    fn units(by: &str) -> Self {
        Self { by: by.to_owned(), scenes: None }
    }

    async fn scenes(
        engine: &Engine,
        history: &History,
        phase: &Phase,
        target: &Target,
    ) -> Result<Self, EngineError> {
        let mut scenes = Scenes::default();
        for source in sources(engine.model(), history, phase, target) {
            let Some(record) = history.latest(&source) else { continue };
            let at = if phase.gather.is_empty() { String::new() } else { format!("@{}", source.scope) };
            walk(&*engine.ports().store, record.artifact.digest, |entry| {
                scenes.add(format!("{}{at}", entry.id), entry.text());
            })
            .await?;
        }
        Ok(match scenes.has_any {
            true => Self { by: SCENE.to_owned(), scenes: Some(scenes.of_units) },
            false => Self::units(UNIT),
        })
    }

    fn place(&self, unit: &str) -> Option<Arc<str>> {
        match &self.scenes {
            Some(scenes) => scenes.get(unit).cloned(),
            None => Some(Arc::from(unit)),
        }
    }

    /// Adds calls up by place, and returns the first `limit` of each order.
    pub(super) fn sums(&self, calls: &[CallView], limit: usize) -> Places {
        let mut sums: BTreeMap<Arc<str>, PlaceSum> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.state == CallState::Done) {
            let n = call.asks.len();
            let time = duration(call) / u32::try_from(n).unwrap_or(u32::MAX).max(1);
            for (no, ask) in (0..).zip(&call.asks) {
                if let Some(place) = self.place(ask.unit.as_str()) {
                    sums.entry(place).or_default().add(time, &share(&call.usage, no, n as u64));
                }
            }
        }
        let places: Vec<Place> = sums.into_iter().map(|(name, sum)| sum.place(&name)).collect();
        let cost = |place: &Place| place.usage.cost_usd.unwrap_or(0.0);
        let mut dearest: Vec<&Place> =
            places.iter().filter(|place| cost(place) > 0.0 || place.usage.tokens() > 0).collect();
        dearest.sort_by(|a, b| {
            cost(b).total_cmp(&cost(a)).then_with(|| b.usage.tokens().cmp(&a.usage.tokens()))
        });
        let mut slowest: Vec<&Place> = places.iter().filter(|place| place.seconds > 0.0).collect();
        slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let first = |places: Vec<&Place>| places.into_iter().take(limit).cloned().collect();
        Places {
            by: self.by.clone(),
            total: places.len() as u64,
            dearest: first(dearest),
            slowest: first(slowest),
        }
    }
}

/// Returns the targets whose records become the units of a target: those of the first alternative that is there.
fn sources(model: &Model, history: &History, phase: &Phase, target: &Target) -> Vec<Target> {
    let alternatives = units_of(phase).iter().filter_map(|name| model.phase(name.as_str()));
    let mut targets = alternatives.map(|earlier| scopes_read(model, earlier, &target.scope));
    targets.find(|targets| targets.iter().any(|target| history.latest(target).is_some())).unwrap_or_default()
}

/// The scene of each unit; names of scenes are shared.
#[derive(Debug, Default)]
struct Scenes {
    of_units: HashMap<String, Arc<str>>,
    names: HashMap<String, Arc<str>>,
    has_any: bool,
}

impl Scenes {
    fn add(&mut self, unit: String, record: &str) {
        let scene = field(record, SCENE).and_then(scalar_text).filter(|scene| !scene.is_empty());
        self.has_any |= scene.is_some();
        let scene = scene.map_or_else(|| NONE.to_owned(), std::borrow::Cow::into_owned);
        let name = self.names.entry(scene).or_insert_with_key(|name| Arc::from(name.as_str())).clone();
        self.of_units.insert(unit, name);
    }
}

#[derive(Debug, Clone, Default)]
struct PlaceSum {
    asks: u64,
    time: Duration,
    usage: Usage,
}

impl PlaceSum {
    fn add(&mut self, time: Duration, usage: &Usage) {
        self.asks += 1;
        self.time += time;
        self.usage.add(usage);
    }

    fn place(&self, name: &str) -> Place {
        Place { name: name.to_owned(), asks: self.asks, seconds: self.time.as_secs_f64(), usage: self.usage }
    }
}
