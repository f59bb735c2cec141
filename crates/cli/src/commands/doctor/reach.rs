//! The checks of what a project asks over the network and of its servers: one function for each kind.

use std::time::Duration;

use refrain_core::ports::agent::AgentError;
use refrain_core::ports::tools::ToolList;
use refrain_schemas::doctor::DoctorStatus as Status;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::failure::FailureKind;

use super::{Check, SET_IT};
use crate::render::numbers::{counted, money};
use crate::wiring::{
    self, Asked, Findings, KeyFound, KnownPrice, NamedTool, Probe, Reached, SchemaWay, ServiceProbe,
};

/// How old a price list may be before it is worth a look.
const OLD: Duration = Duration::from_secs(180 * 24 * 3600);

/// Returns everything that was found; each thing is said once, however many agents it is about.
pub(super) fn all(findings: &Findings, prices_age: Duration) -> Vec<Check> {
    let mut checks = Vec::new();
    for (asked, probes) in &findings.models {
        match probes {
            Ok(probes) => checks.extend(model(asked, probes, prices_age)),
            Err(why) => checks.push(fail("model", format!("{}: {why}", asked.model), "mend the pipeline")),
        }
    }
    for (agent, probe) in &findings.services {
        checks.push(service(agent, probe));
    }
    for (name, tools) in &findings.servers {
        checks.extend(server(name, tools, &findings.tools));
    }
    let mut said: Vec<Check> = Vec::new();
    for check in checks {
        if !said.contains(&check) {
            said.push(check);
        }
    }
    said
}

fn fail(name: &'static str, message: String, hint: impl Into<String>) -> Check {
    Check { name, status: Status::Fail, message, hint: Some(hint.into()), code: ExitCode::Usage }
}

/// What is down may be up in a moment: nothing is wrong with the pipeline.
fn down(name: &'static str, message: String, hint: impl Into<String>) -> Check {
    Check { code: ExitCode::Failed, ..fail(name, message, hint) }
}

fn model(asked: &Asked, probes: &[Probe], prices_age: Duration) -> Vec<Check> {
    let mut checks: Vec<Check> = probes.iter().map(reached).collect();
    // The engine reckons with the price of the first.
    checks.extend(probes.first().map(|probe| price(&asked.model, probe.price, prices_age)));
    checks.extend(probes.iter().filter_map(|probe| schema(&asked.agent, probe)));
    checks
}

/// Whether an endpoint answers, takes the key and has the model.
fn reached(probe: &Probe) -> Check {
    let Probe { endpoint, address, model, .. } = probe;
    let at = format!("{endpoint}/{model}");
    match (&probe.reached, &probe.key) {
        (_, KeyFound::Missing(name)) => {
            Check::credentials("model", format!("{at}: not asked, as {name} is not set"), SET_IT)
        }
        (Reached::KeyRefused(why), KeyFound::Found(name)) => {
            let hint = format!("see whether {name} holds a key for {address}, and whether it is still good");
            Check::credentials(
                "model",
                format!("{at}: {address} does not take the key in {name}: {why}"),
                hint,
            )
        }
        (Reached::KeyRefused(why), KeyFound::NotNeeded) => {
            let hint = format!("name the variable that holds it: `endpoints.{endpoint}.api_key_env`");
            Check::credentials("model", format!("{at}: {address} wants a key: {why}"), hint)
        }
        (Reached::No(why), _) => {
            let hint = format!("start what serves it, or mend `endpoints.{endpoint}.base_url`");
            down("model", format!("{at}: {address} does not answer: {why}"), hint)
        }
        (Reached::Odd(what), _) => {
            let hint = format!("see whether `base_url` and `kind` of endpoint `{endpoint}` are right");
            down("model", format!("{at}: {address} answers {what}"), hint)
        }
        (Reached::Yes | Reached::Untried, _) => has_model(probe, &at),
    }
}

fn has_model(probe: &Probe, at: &str) -> Check {
    let Probe { endpoint, address, model, .. } = probe;
    match probe.has_model {
        Some(true) => Check::ok("model", format!("{at}: it is there, at {address}")),
        Some(false) => {
            let hint = format!("see which models endpoint `{endpoint}` has, and mend `model:`");
            fail("model", format!("{at}: {address} has no model `{model}`"), hint)
        }
        None => Check::warn(
            "model",
            format!("{at}: {address} answers, and cannot tell whether the model is there"),
            format!("if a run fails, see whether `endpoints.{endpoint}.base_url` and `model:` are right"),
        ),
    }
}

/// Whether the price of a model is known, and from when.
fn price(model: &str, price: Option<KnownPrice>, age: Duration) -> Check {
    let Some(price) = price else {
        let hint = format!(
            "add `prices: {{ {model}: {{ input: …, output: … }} }}`, in dollars per million tokens; 0 where it costs nothing"
        );
        return Check::warn("price", format!("{model}: its price is not known"), hint);
    };
    let spec = price.spec();
    let (input, output) = (money(spec.input), money(spec.output));
    let text = format!("{model}: {input} and {output} per million tokens sent and received");
    match price {
        KnownPrice::Own(_) => Check::ok("price", format!("{text}, by the project")),
        KnownPrice::Shipped(_) => {
            let days = counted(age.as_secs() / 86_400, "day");
            let text = format!("{text}, by the list of {} ({days} old)", wiring::prices_date());
            if age < OLD {
                return Check::ok("price", text);
            }
            Check::warn(
                "price",
                text,
                format!("see whether this still holds; `prices: {{ {model}: … }}` goes first"),
            )
        }
    }
}

/// Whether a provider takes the schema of an agent's answers.
fn schema(agent: &str, probe: &Probe) -> Option<Check> {
    let endpoint = &probe.endpoint;
    Some(match probe.schema.as_ref()? {
        SchemaWay::Native => Check::ok("schema", format!("{agent}: endpoint `{endpoint}` takes it")),
        SchemaWay::Prompt(why) => {
            Check::ok("schema", format!("{agent}: it goes into the prompt at endpoint `{endpoint}`: {why}"))
        }
        SchemaWay::Refused(why) => fail(
            "schema",
            format!("{agent}: endpoint `{endpoint}` does not take it: {why}"),
            "leave `structured: native` out, so that it goes into the prompt, or change the schema",
        ),
    })
}

/// Whether somebody is at the address of a service.
fn service(agent: &str, probe: &Result<ServiceProbe, String>) -> Check {
    match probe {
        Err(why) => fail("service", format!("{agent}: {why}"), "mend the pipeline"),
        Ok(ServiceProbe { missing: Some(what), .. }) => {
            Check::credentials("service", format!("{agent}: {what}"), SET_IT)
        }
        Ok(ServiceProbe { address, reached: Ok(()), .. }) => {
            Check::ok("service", format!("{agent}: {address} answers"))
        }
        Ok(ServiceProbe { address, reached: Err(why), .. }) => {
            let message = format!("{agent}: {address} does not answer: {why}");
            down("service", message, "start what serves it, or mend its address")
        }
    }
}

/// Whether a server starts and has the tools that agents name.
fn server(name: &str, tools: &Result<Option<ToolList>, AgentError>, named: &[NamedTool]) -> Vec<Check> {
    match tools {
        Err(error) if error.kind == FailureKind::Credentials => {
            vec![Check::credentials("server", error.message.clone(), "see its `env:` and `headers:`")]
        }
        Err(error) => {
            vec![down(
                "server",
                error.message.clone(),
                format!("see its command or address: `servers.{name}`"),
            )]
        }
        Ok(None) => vec![Check::warn(
            "server",
            format!("{name}: it has not listed its tools within 5 s; a run may wait for longer"),
            "start it by hand to see what it does; one that is downloaded first is quicker the next time",
        )],
        Ok(Some(list)) => {
            let is_missing = |named: &&NamedTool| {
                named.server == name && !list.tools.iter().any(|tool| tool.name == named.tool)
            };
            let missing = |named: &NamedTool| {
                let message =
                    format!("{name}: it has no tool `{}`, which agent `{}` names", named.tool, named.agent);
                let known: Vec<&str> = list.tools.iter().take(20).map(|tool| tool.name.as_str()).collect();
                fail("server", message, format!("it has {}", known.join(", ")))
            };
            let tools = Check::ok("server", format!("{name}: {}", counted(list.tools.len() as u64, "tool")));
            std::iter::once(tools).chain(named.iter().filter(is_missing).map(missing)).collect()
        }
    }
}
