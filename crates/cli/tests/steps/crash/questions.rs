//! Kills between questions and answers: nobody is asked twice, and what was answered stays answered.

use serde_json::Value;

use super::{Place, Story, lasting};

/// People are asked in turns of a loop and in another pipeline, while something beside goes on.
const ASKED: Story = Story {
    steps: r#"
  - { id: a, tool: terminal, action: execute, parameters: { command: sh step.sh a } }
  - { id: beside, tool: terminal, action: execute, parameters: { command: sh step.sh beside }, dependencies: [a] }
  - id: each
    for_each: [x, y]
    max_parallel: 1
    dependencies: [beside]
    steps:
      - { id: g, tool: approval-gate, parameters: { title: "Send {{ item }}?", content: "{{ a.stdout }}" } }
      - { id: s, tool: terminal, action: execute, parameters: { command: "sh step.sh s{{ item }} && echo {{ g.by }}" }, dependencies: [g] }
  - id: call
    tool: pipeline-executor
    dependencies: [each]
    parameters:
      pipeline:
        name: Inner
        steps:
          - { id: q, tool: user-prompt, parameters: { prompt: "How many?", input_type: number } }
          - { id: z, tool: terminal, action: execute, parameters: { command: "sh step.sh z && echo {{ q.value }}" } }
        outputs: { said: "{{ z.stdout }}" }
  - { id: b, tool: terminal, action: execute, parameters: { command: "sh step.sh b && echo '{{ call.outputs.said }}'" } }
"#,
    kills: &["a", "beside", "sx", "sy", "z", "b"],
    book: &[("a", 1), ("beside", 1), ("sx", 1), ("sy", 1), ("z", 1), ("b", 1)],
    code: 0,
};
/// The steps that are done before each answer, and behind the last one.
const STAGES: [&[&str]; 3] = [&["a", "beside"], &["sx", "sy"], &["z", "b"]];

impl Place {
    /// Answers everything that is asked; returns how much that is.
    fn answers(&self) -> usize {
        let listed = self.command(&["answer"]).output().unwrap();
        let asked: Value = serde_json::from_slice(&listed.stdout).unwrap();
        for question in asked.as_array().unwrap() {
            let step = question["step"].as_str().unwrap();
            let word = if question["question"]["title"].is_string() { "--approve" } else { "7" };
            let said = self.command(&["answer", step, word, "--by", "Mika"]).output().unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        }
        asked.as_array().unwrap().len()
    }

    /// Goes on until nobody is asked any more, killed at one step; returns the documents of the runs that came to an end.
    fn goes_on(&self, at: Option<(&str, &str)>) -> Vec<Value> {
        let mut documents = Vec::new();
        for (stage, steps) in STAGES.iter().enumerate() {
            if let Some((step, when)) = at.filter(|(step, _)| steps.contains(step)) {
                self.killed(&format!("{step} {when}"));
            }
            let is_last = stage + 1 == STAGES.len();
            documents.push(lasting(&self.run(if is_last { ASKED.code } else { 6 })));
            assert_eq!(self.answers(), [2, 1, 0][stage], "{at:?}");
        }
        documents
    }
}

#[test]
fn questions_survive_kills() {
    let undisturbed = Place::new(&ASKED);
    let expected = undisturbed.goes_on(None);
    let said = expected[2]["steps"]["b"]["value"]["result"]["stdout"].as_str().unwrap();
    assert!(said.contains("z was here\n7"), "{said}");
    let once = undisturbed.book();
    assert_eq!(once, ASKED.book.iter().map(|(step, n)| ((*step).to_owned(), *n)).collect());
    for step in ASKED.kills {
        for when in ["before", "behind"] {
            let place = Place::new(&ASKED);
            assert_eq!(place.goes_on(Some((step, when))), expected, "{step} {when}");
            let mut book = once.clone();
            if when == "behind" {
                *book.entry((*step).to_owned()).or_default() += 1;
            }
            assert_eq!(place.book(), book, "{step} {when}");
            assert!(!place.has_leftovers(), "{step} {when}");
        }
    }
}
