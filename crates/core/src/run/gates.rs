//! All gates of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ports::agent::{GateSpec, RateSignal};

use super::gate::{Admission, Gate, Pass, Refusal};

/// All gates of a run, shared by its phases and agents. A call goes through a chain of them, from the innermost, that
/// of its model, to the outermost.
#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: Vec<Gate>,
    names: BTreeMap<String, usize>,
}

/// The gates that the calls of a pool go through, innermost first.
pub(super) type Chain = Vec<usize>;

impl Gates {
    /// Returns the chain for clones of an agent.
    pub(super) fn chain(&mut self, spec: Option<&GateSpec>, clones: u32) -> Chain {
        let specs = std::iter::successors(spec, |spec| spec.within.as_deref());
        specs.map(|spec| self.gate(spec, clones)).collect()
    }

    fn gate(&mut self, spec: &GateSpec, clones: u32) -> usize {
        if let Some(no) = self.names.get(&spec.name) {
            self.gates[*no].join(&spec.limits, clones);
            return *no;
        }
        let no = self.gates.len();
        self.gates.push(Gate::new(&spec.limits, clones));
        self.names.insert(spec.name.clone(), no);
        no
    }

    /// Says whether all gates of a chain let a call leave now.
    pub(super) fn admits(&mut self, chain: &[usize], now: Duration) -> Admission {
        let mut all = Admission::Now;
        for no in chain {
            all = match (all, self.gates[*no].admits(now)) {
                (Admission::Full, _) | (_, Admission::Full) => Admission::Full,
                (Admission::At(a), Admission::At(b)) => Admission::At(a.max(b)),
                (Admission::At(a), Admission::Now) | (Admission::Now, Admission::At(a)) => Admission::At(a),
                (Admission::Now, Admission::Now) => Admission::Now,
            };
        }
        all
    }

    /// Returns how long a chain is closed.
    pub(super) fn opens(&mut self, chain: &[usize], now: Duration) -> Duration {
        match self.admits(chain, now) {
            Admission::At(opens) => opens.saturating_sub(now),
            Admission::Now | Admission::Full => Duration::ZERO,
        }
    }

    /// Lets a call leave that was admitted.
    pub(super) fn enter(&mut self, chain: &[usize], tokens: u64, now: Duration) -> Vec<Pass> {
        chain.iter().map(|no| self.gates[*no].enter(tokens, now)).collect()
    }

    /// Takes a call back that used so many tokens, as far as is known.
    pub(super) fn leave(&mut self, chain: &[usize], passes: &[Pass], used: Option<u64>, now: Duration) {
        for (no, pass) in chain.iter().zip(passes) {
            self.gates[*no].leave(pass, used, now);
        }
    }

    /// Takes note that a call was answered.
    pub(super) fn succeeded(&mut self, chain: &[usize], passes: &[Pass]) {
        for (no, pass) in chain.iter().zip(passes) {
            self.gates[*no].succeeded(pass);
        }
    }

    /// Takes note that a call was refused. Which limit it ran into nobody says: the innermost gate learns from it.
    pub(super) fn refused(
        &mut self,
        chain: &[usize],
        passes: &[Pass],
        refusal: Refusal,
        now: Duration,
        backoff: impl Fn(u32) -> Duration,
    ) {
        if let (Some(no), Some(pass)) = (chain.first(), passes.first()) {
            self.gates[*no].refused(pass, refusal, now, backoff);
        }
    }

    /// Whether refusals of the innermost gate come anyway, whatever the pace.
    pub(super) fn is_scattered(&self, chain: &[usize]) -> bool {
        chain.first().is_some_and(|no| self.gates[*no].is_scattered())
    }

    /// Takes what a provider says of its limits.
    pub(super) fn told(&mut self, chain: &[usize], signal: RateSignal, jitter: f64, now: Duration) {
        if let Some(no) = chain.first() {
            self.gates[*no].told(signal, jitter, now);
        }
    }
}
