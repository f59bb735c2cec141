//! Routes: which phases are passed over where a phase goes on with a later one.
//!
//! A route from S to T is an edge from S to T. Where it is taken after a success, or because a condition is false, what
//! comes after S and before T is passed over; after a failure everything that comes after S and is neither T nor behind
//! it. What makes something ready for a phase is passed over where that is. What comes neither after S is left alone, wherever
//! it stands in the file; and who is for failures of a phase comes after it for them, so that a failure does not reach it by that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use refrain_schemas::name::PhaseName;
use refrain_schemas::on_failure::OnFailure;
use refrain_schemas::phase_spec::PhaseSpec;
use refrain_schemas::scope::{Scope, Target};

use super::Checker;
use super::code::Code;
use super::links::Links;
use crate::model::{Edge, Heading, Later, PassedBy, RouteOn};
use crate::template::is_template;

/// A route, by the places of its phases.
struct Route {
    from: usize,
    to: usize,
    on: RouteOn,
    path: String,
}

impl Checker<'_> {
    /// Adds the edges of routes to the links, and returns what passes each phase over.
    pub(super) fn routes(
        &mut self,
        specs: &[(&PhaseName, &PhaseSpec)],
        links: &mut [Links],
    ) -> Vec<Vec<Arc<PassedBy>>> {
        let mut passed = vec![Vec::new(); specs.len()];
        let places: HashMap<&PhaseName, usize> =
            specs.iter().enumerate().map(|(n, (name, _))| (*name, n)).collect();
        let ready = self.made_ready(specs, &places, links);
        let mut routes: Vec<Route> = Vec::new();
        for (from, (name, spec)) in specs.iter().enumerate() {
            for (on, to, path) in self.written_routes(name, spec) {
                if let Some(to) =
                    places.get(&to).copied().filter(|to| self.in_same_turn(name, specs[*to], &path))
                {
                    routes.push(Route { from, to, on, path });
                }
            }
        }
        let is_named = |spec: &PhaseSpec| spec.goto.as_deref().is_some_and(is_template);
        let named: Vec<usize> = (0..specs.len()).filter(|n| is_named(specs[*n].1)).collect();
        if routes.is_empty() && named.is_empty() {
            return passed;
        }
        let mut graph = Graph::of(&places, links, &|_, _| true);
        routes.retain(|route| self.leads_on(route, specs, links, &ready, &mut graph));
        // What is disabled leads nowhere: nothing would wait for the end that passes it over.
        let is_enabled: Vec<bool> = specs.iter().map(|(name, _)| self.is_enabled(name)).collect();
        let graph = Graph::of(&places, links, &|from, to| is_enabled[from] && is_enabled[to]);
        let is_for = |from: usize, to: usize| specs[to].1.handles.iter().any(|it| it.phase == *specs[from].0);
        let has_handlers = specs.iter().any(|(_, spec)| !spec.handles.is_empty());
        let failing = has_handlers.then(|| {
            Graph::of(&places, links, &|from, to| is_enabled[from] && is_enabled[to] && !is_for(from, to))
        });
        for Route { from, to, on, .. } in routes.iter().filter(|route| is_enabled[route.from]) {
            let on_failure = failing.as_ref().filter(|_| *on == RouteOn::Failure);
            let behind = on_failure.unwrap_or(&graph).reach(*from, true);
            let other = graph.reach(*to, *on == RouteOn::Failure);
            let route = passed_by(specs[*from], *on, Heading::Phase(specs[*to].0.clone()));
            let is_passed =
                |n: &usize| n != from && n != to && behind[*n] && (*on == RouteOn::Failure) != other[*n];
            (0..specs.len()).filter(is_passed).for_each(|n| passed[n].push(route.clone()));
        }
        if !named.is_empty() {
            let names = specs.iter().map(|(name, _)| (*name).clone());
            let later = Arc::new(Later::new(names, graph.before.clone()));
            for from in named.into_iter().filter(|n| is_enabled[*n]) {
                let route = passed_by(specs[from], RouteOn::Goto, Heading::Named(later.clone()));
                let behind = graph.reach(from, true);
                (0..specs.len()).filter(|n| behind[*n]).for_each(|n| passed[n].push(route.clone()));
            }
        }
        for (later, n) in ready.pairs() {
            // A route that begins where this does not come after is not over when its turn comes, and has not reached it.
            let both: HashSet<*const PassedBy> = passed[later].iter().map(Arc::as_ptr).collect();
            passed[n].retain(|route| both.contains(&Arc::as_ptr(route)));
        }
        passed
    }

    /// Adds the edges of a route, which leads to what makes something ready for its phase as well; tells whether it leads on.
    fn leads_on(
        &mut self,
        route: &Route,
        specs: &[(&PhaseName, &PhaseSpec)],
        links: &mut [Links],
        ready: &Ready,
        graph: &mut Graph,
    ) -> bool {
        let heads: Vec<usize> = ready.of(route.to).chain([route.to]).collect();
        let leads_back = |to: &usize| *to == route.from || graph.reach(*to, true)[route.from];
        if heads.iter().any(leads_back) {
            let (from, to) = (specs[route.from].0, specs[route.to].0);
            let message = format!("`{from}` goes on with `{to}`, which it comes after itself");
            self.problems.add(Code::Route, &route.path, message);
            return false;
        }
        for to in heads.into_iter().filter(|to| graph.add(route.from, *to)) {
            links[to].after.push(Edge { phase: specs[route.from].0.clone(), read: false });
            links[to].named.push((specs[route.from].0.clone(), route.path.clone()));
        }
        true
    }

    /// Returns which phases make something ready for which; each comes right before that, in the same turn.
    fn made_ready(
        &mut self,
        specs: &[(&PhaseName, &PhaseSpec)],
        places: &HashMap<&PhaseName, usize>,
        links: &[Links],
    ) -> Ready {
        let mut ready = Ready::default();
        for (n, (name, spec)) in specs.iter().enumerate() {
            let Some(later) = &spec.prepares else { continue };
            let path = format!("phases.{name}.prepares");
            if !self.other_phase(name, later, &path) {
                continue;
            }
            let Some(&at) = places.get(later) else { continue };
            let is_behind = links[at].edges().any(|edge| edge.phase == **name);
            if !is_behind || specs[at].1.within != spec.within || specs[at].1.prepares.is_some() {
                let message = format!("`{later}` does not come right after `{name}`");
                self.problems.add(Code::Route, path, message);
                continue;
            }
            ready.0.entry(at).or_default().push(n);
        }
        ready
    }

    /// A route leads to a phase of the same turn.
    fn in_same_turn(&mut self, from: &PhaseName, (to, spec): (&PhaseName, &PhaseSpec), path: &str) -> bool {
        let own = self.pipeline.phases.get(from).and_then(|spec| spec.within.as_ref());
        let is_same = own == spec.within.as_ref();
        if !is_same {
            let message = format!("`{from}` goes on with `{to}`, which is not in the same turn");
            self.problems.add(Code::Route, path, message);
        }
        is_same
    }

    fn written_routes(&mut self, name: &PhaseName, spec: &PhaseSpec) -> Vec<(RouteOn, PhaseName, String)> {
        let path = format!("phases.{name}");
        let goto = spec.goto.as_deref().filter(|goto| !is_template(goto));
        if spec.on_false.is_some() && spec.when.is_none() && spec.handles.is_empty() {
            let message = "`on_false` is never taken, for there is no `when`";
            self.problems.add(Code::RouteAlone, format!("{path}.on_false"), message);
        }
        if spec.goto.is_some() && spec.on_success.is_some() {
            let message = "`goto` and `on_success` both say what comes after a success";
            self.problems.add(Code::RouteAlone, format!("{path}.goto"), message);
        }
        let handler = match &spec.on_failure {
            Some(OnFailure::Go(phase)) => Some(phase.as_str()),
            _ => None,
        };
        let written = [
            (RouteOn::False, "on_false", spec.on_false.as_ref().map(PhaseName::as_str)),
            (RouteOn::Success, "on_success", spec.on_success.as_ref().map(PhaseName::as_str)),
            (RouteOn::Success, "goto", goto),
            (RouteOn::Failure, "on_failure", handler),
        ];
        let mut routes = Vec::new();
        for (on, field, to) in written {
            let path = format!("{path}.{field}");
            let Some(to) = to else { continue };
            match to.parse::<PhaseName>() {
                Ok(to) if to == *name => {
                    self.problems.add(Code::Route, path, format!("phase `{name}` goes on with itself"));
                }
                Ok(to) if self.named_phase(&to, &path) => routes.push((on, to, path)),
                Ok(_) => {}
                Err(error) => self.problems.add(Code::Route, path, error.to_string()),
            }
        }
        routes
    }
}

fn passed_by((source, spec): (&PhaseName, &PhaseSpec), on: RouteOn, to: Heading) -> Arc<PassedBy> {
    let only = || Target { phase: source.clone(), scope: Scope::none() };
    Arc::new(PassedBy {
        source: source.clone(),
        on,
        to,
        only: (spec.per.is_empty() && spec.within.is_none()).then(only),
    })
}

/// Which phases make something ready for which, by their places.
#[derive(Default)]
struct Ready(BTreeMap<usize, Vec<usize>>);

impl Ready {
    fn of(&self, later: usize) -> impl Iterator<Item = usize> {
        self.0.get(&later).into_iter().flatten().copied()
    }

    /// Returns every phase that something is made ready for, with each that does.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.0.iter().flat_map(|(later, before)| before.iter().map(|n| (*later, *n)))
    }
}

/// Which phase comes after which.
struct Graph {
    after: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
}

impl Graph {
    fn of(
        places: &HashMap<&PhaseName, usize>,
        links: &[Links],
        is_there: &dyn Fn(usize, usize) -> bool,
    ) -> Self {
        let nothing = vec![Vec::new(); links.len()];
        let mut graph = Self { after: nothing.clone(), before: nothing };
        for (to, links) in links.iter().enumerate() {
            for edge in links.edges() {
                if let Some(from) = places.get(&edge.phase).filter(|from| is_there(**from, to)) {
                    graph.add(*from, to);
                }
            }
        }
        graph
    }

    /// Adds an edge; tells whether it is new.
    fn add(&mut self, from: usize, to: usize) -> bool {
        let is_new = !self.before[to].contains(&from);
        if is_new {
            self.after[from].push(to);
            self.before[to].push(from);
        }
        is_new
    }

    /// Says of each phase whether it comes after another one, or before it.
    fn reach(&self, from: usize, is_forward: bool) -> Vec<bool> {
        let next = if is_forward { &self.after } else { &self.before };
        let mut reached = vec![false; next.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for &to in &next[at] {
                if !std::mem::replace(&mut reached[to], true) {
                    open.push(to);
                }
            }
        }
        reached
    }
}
