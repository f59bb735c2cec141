use refrain_schemas::steps::Wishes;

use super::*;

fn around() -> Pipeline {
    let file = json!({"refrain": 1, "name": "x", "phases": {}, "budget": {"calls": 9}, "limits": {"concurrency": 3}});
    serde_json::from_value(file).unwrap()
}

fn map(autos: Vec<Auto>) -> StepsMap {
    let orchestrator = Some("boss/large".to_owned());
    StepsMap { id: "x".to_owned(), orchestrator, autos, outline: json!({"steps": []}), ..StepsMap::default() }
}

/// Returns how long the model may think about each question, and how often it is asked at most.
fn patience(wanting: &Wanting) -> Vec<(Option<Duration>, Option<u32>)> {
    let spec = |agent: &AgentSpec| {
        let attempts = agent.retry.as_ref().and_then(|retry| retry.attempts);
        (agent.timeout.map(|Span(time)| time), attempts)
    };
    wanting.pipeline.agents.values().map(spec).collect()
}

/// Nobody waits long for what a pipeline can do without, and nobody is asked twice for it.
#[test]
fn a_model_is_given_half_a_minute_and_one_try() {
    let wanting = of_pipeline(&map(Vec::new()), &around()).unwrap();
    assert_eq!(patience(&wanting), [(Some(Duration::from_secs(30)), Some(1)); 3]);
    let tries = wanting.pipeline.phases.values().map(|phase| phase.retry.and_then(|retry| retry.attempts));
    assert_eq!(tries.collect::<Vec<_>>(), [Some(1); 3], "a provider that has no room is one try as well");
    assert!(wanting.pipeline.phases.values().all(|phase| phase.timeout.is_none()));
    let wanting = of_results(&map(Vec::new()), &around(), &[]).unwrap();
    assert_eq!(patience(&wanting), [(Some(Duration::from_secs(30)), Some(1))]);
}

/// What may be spent, and how much at once, is as it is of the pipeline that is asked about.
#[test]
fn what_holds_for_a_pipeline_holds_for_questions_about_it() {
    let around = around();
    let asked = of_pipeline(&map(Vec::new()), &around).unwrap().pipeline;
    assert_eq!((asked.budget, asked.limits), (around.budget, around.limits));
    assert!(asked.limits.is_some());
}

#[test]
fn nothing_is_asked_that_is_not_wished_for() {
    let wishes = |wishes: Wishes| {
        let wanting = of_pipeline(&StepsMap { wishes, ..map(Vec::new()) }, &around());
        wanting.map_or_else(Vec::new, |wanting| wanting.answers.into_values().collect::<Vec<String>>())
    };
    assert_eq!(wishes(Wishes::default()), ["intention", "architecture", "alignment"]);
    assert_eq!(wishes(Wishes { validation: false, ..Wishes::default() }), ["intention", "architecture"]);
    let written = Wishes { intention: Some("x".to_owned()), ..Wishes::default() };
    assert_eq!(wishes(written.clone()), ["architecture", "alignment"]);
    let both = Wishes { architecture: Some("y".to_owned()), validation: false, ..written };
    assert_eq!(wishes(both), [""; 0]);
    assert_eq!(wishes(Wishes { intelligence: false, ..Wishes::default() }), [""; 0]);
    assert!(of_values(&map(Vec::new()), &around()).is_none());
}
