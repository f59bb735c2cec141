//! `refrain answer`

use clap::Args;
use refrain_schemas::exit_code::ExitCode;
use refrain_schemas::freshness::Freshness;
use refrain_schemas::scope::Target;
use serde_json::{Value, json};

use crate::again::program;
use crate::args::Globals;
use crate::output::Output;
use crate::render::page::Tone;
use crate::report::CliError;
use crate::turn_name::Names;
use crate::wiring::Opened;
use crate::{runtime, suggest, wiring};

/// Answer what a step asks a person
///
/// A run that waits for a person ends with exit code 6. Without arguments this lists what is asked; with a step it gives the
/// answer, and the next run goes on with it. The answer is for exactly what was asked: where that changes, it is asked again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  refrain answer                                       what is asked
  refrain answer gate --approve                        and then `refrain run`
  refrain answer gate --reject --reason \"too long\"
  refrain answer name Ann                              a value: JSON or text
  refrain answer name                                  its default
  refrain answer gate --approve \"other words\"          with a change")]
pub(crate) struct AnswerArgs {
    /// The step
    #[arg(value_name = "STEP[@SCOPE]")]
    step: Option<String>,
    /// The answer: JSON, or a text; with `--approve`, the content as it was changed
    #[arg(value_name = "VALUE", requires = "step", conflicts_with = "reject", allow_negative_numbers = true)]
    value: Option<String>,
    /// Approve
    #[arg(long, requires = "step", conflicts_with = "reject")]
    approve: bool,
    /// Do not approve: the step fails
    #[arg(long, requires = "step")]
    reject: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who answers
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What is told of a question besides its title.
const ASKED: [&str; 7] =
    ["content", "input_type", "choices", "default", "validation_pattern", "questions", "required_questions"];

/// Something that is asked.
struct Question {
    target: Target,
    asked: Value,
}

impl Question {
    fn text(&self, field: &str) -> &str {
        self.asked[field].as_str().unwrap_or_default()
    }

    fn title(&self) -> &str {
        if self.asked["title"].is_string() { self.text("title") } else { self.text("prompt") }
    }
}

/// Lists questions, or answers one.
pub(crate) fn run(args: &AnswerArgs, globals: &Globals, output: &mut Output) -> Result<ExitCode, CliError> {
    let opened = wiring::open(globals)?;
    let questions = questions(&opened)?;
    let Some(step) = &args.step else { return list(&questions, output) };
    let names = opened.steps().map(Names::of);
    let is_it = |question: &&Question| {
        let name = names.as_ref().and_then(|names| names.name(&question.target));
        question.target.to_string() == *step || name.as_ref() == Some(step)
    };
    let Some(question) = questions.iter().find(is_it) else {
        let known: Vec<String> = questions.iter().map(|question| question.target.to_string()).collect();
        let error = CliError::usage(format!("`{step}` asks nobody anything"));
        let near = suggest::did_you_mean(step, known.iter().map(String::as_str));
        return Err(error.hint_if(near).hint("`refrain answer` lists what is asked"));
    };
    let answer = answer(args, question)?;
    opened.answer(question.text("asked"), answer)?;
    if output.wants_json() {
        output.json(&json!({ "answered": step }))?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    page.line(&[(Tone::Good, "answered"), (Tone::Plain, " "), (Tone::Strong, step)]);
    page.plain(&format!("`{} run` goes on", program(globals)));
    output.show(&page)?;
    Ok(ExitCode::Ok)
}

fn questions(opened: &Opened) -> Result<Vec<Question>, CliError> {
    runtime::on_this_thread(async {
        let status = opened.engine.status().await?;
        let waiting = status.phases.into_iter().filter(|phase| phase.freshness == Freshness::Waiting);
        let targets: Vec<Target> =
            waiting.map(|phase| Target { phase: phase.phase, scope: phase.scope }).collect();
        let documents = opened.engine.documents(&targets).await?;
        let questions = targets.into_iter().zip(documents).filter_map(|(target, document)| {
            let asked = document?.value();
            asked["asked"].is_string().then_some(Question { target, asked })
        });
        Ok(questions.collect())
    })
}

fn list(questions: &[Question], output: &mut Output) -> Result<ExitCode, CliError> {
    if output.wants_json() {
        let all: Vec<Value> = questions
            .iter()
            .map(|question| json!({ "step": question.target.to_string(), "question": question.asked }))
            .collect();
        output.json(&all)?;
        return Ok(ExitCode::Ok);
    }
    let mut page = output.page();
    if questions.is_empty() {
        page.plain("nothing is asked");
    }
    for question in questions {
        let target = question.target.to_string();
        page.wrapped(&[(Tone::Strong, &format!("{target}:"))], question.title());
        for field in ASKED {
            match &question.asked[field] {
                Value::Null => {}
                Value::String(text) if field == "content" => page.hang(2, Tone::Plain, &format!("  {text}")),
                other => page.hang(2, Tone::Plain, &format!("  {field}: {other}")),
            }
        }
    }
    output.show(&page)?;
    Ok(ExitCode::Ok)
}

/// Makes the answer, held to what is asked.
fn answer(args: &AnswerArgs, question: &Question) -> Result<Value, CliError> {
    let is_anonymous = question.asked["anonymous"] == Value::Bool(true);
    let by = args.by.as_ref().filter(|_| !is_anonymous).map_or(Value::Null, |by| json!(by));
    if question.text("tool") == "approval-gate" {
        if !args.approve && !args.reject {
            return Err(CliError::usage("it is for approval").hint("add `--approve` or `--reject`"));
        }
        if args.reject && args.reason.is_none() && question.asked["require_reason"] == Value::Bool(true) {
            return Err(CliError::usage("a rejection needs a reason").hint("add `--reason TEXT`"));
        }
        return approval(args, question, &by);
    }
    if args.approve || args.reject {
        let message = format!("`{}` asks for a value, and not for approval", question.target);
        return Err(CliError::usage(message).hint("write the value behind the step"));
    }
    let Some(text) = &args.value else {
        return match &question.asked["default"] {
            Value::Null => Err(CliError::usage("there is no answer").hint("write it behind the step")),
            default => held(default, question).map(|()| json!({ "value": default, "by": by })),
        };
    };
    let reads = match question.text("input_type") {
        "text" => Reads::Text,
        "" if question.text("tool") == "user-prompt" => Reads::TextFirst,
        _ => Reads::JsonFirst,
    };
    Ok(json!({ "value": reads.read(text, question)?, "by": by }))
}

/// What an answer is read as: the first that fits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Text,
    TextFirst,
    JsonFirst,
}

impl Reads {
    /// Reads an answer; where nothing fits, what is wrong is said of the first that it may be.
    fn read(self, text: &str, question: &Question) -> Result<Value, CliError> {
        let mut readings: Vec<Value> = vec![json!(text)];
        if self != Self::Text {
            readings.extend(serde_json::from_str::<Value>(text));
        }
        if self == Self::JsonFirst {
            readings.reverse();
        }
        match readings.iter().find(|value| held(value, question).is_ok()) {
            Some(value) => Ok(value.clone()),
            None => readings.first().map_or(Ok(()), |value| held(value, question)).map(|()| json!(text)),
        }
    }
}

/// Who approves may put other content in its place, where that is allowed.
fn approval(args: &AnswerArgs, question: &Question, by: &Value) -> Result<Value, CliError> {
    let mut answer = json!({ "approved": args.approve, "reason": args.reason, "by": by });
    let Some(text) = &args.value else {
        // What is approved as it is may be none of what is wanted.
        let is_held = args.approve && question.asked["output_schema"].is_object();
        return if is_held {
            held(&question.asked["content"], question).map(|()| answer)
        } else {
            Ok(answer)
        };
    };
    if question.asked["allow_modifications"] != Value::Bool(true) {
        return Err(CliError::usage("it is approved as it is, or rejected").hint("leave the value out"));
    }
    let reads = if question.asked["content"].is_string() { Reads::TextFirst } else { Reads::JsonFirst };
    answer["content"] = reads.read(text, question)?;
    Ok(answer)
}

fn held(value: &Value, question: &Question) -> Result<(), CliError> {
    wiring::fits_question(&question.asked, value).map_err(|why| CliError::usage(format!("the answer {why}")))
}
