//! Templates and their limits: what is within them is never refused, and nothing takes much more than they say, neither time nor
//! memory, whatever is put into what.

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use refrain_core::template::{Context, Template};
use refrain_testkit::fuzz;
use serde_json::json;

/// The limits as specs/0029 has them.
const STEPS: f64 = 2e6;
const WORK: f64 = 268_435_456.0;
const OUTPUT: f64 = 33_554_432.0;

/// How many times the memory of both limits a rendering may take: a value that is counted as 64 bytes takes about as many, beside
/// the text that it is made from and the list that it is put into.
const MEMORY: f64 = 3.0;
/// How many times as long as loops and texts that go to the limits a rendering may take that mixes them.
const TIME: f64 = 4.0;

/// What an expression is worth.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A text of so many bytes, all of them `x`.
    Text(f64),
    /// A list of so many texts or numbers of so many bytes.
    List(f64, f64),
}

impl Kind {
    /// What it costs to look at all of it.
    fn whole(self) -> f64 {
        match self {
            Self::Text(length) => 64.0 + length,
            Self::List(n, length) => 64.0 + n * (64.0 + length),
        }
    }

    /// How many bytes it is long when it is written.
    fn written(self) -> f64 {
        match self {
            Self::Text(length) => length,
            Self::List(n, length) => 2.0 + n * (length + 4.0),
        }
    }
}

/// A piece of a template and the most that it takes.
#[derive(Debug, Clone)]
struct Piece {
    code: String,
    kind: Kind,
    steps: f64,
    work: f64,
}

/// Steps of one operation, at most.
const OPERATION: f64 = 12.0;

impl Piece {
    fn leaf(code: impl Into<String>, kind: Kind) -> Self {
        Self { code: code.into(), kind, steps: OPERATION, work: 0.0 }
    }

    /// A piece that is made of others: it looks at them, and at what it makes.
    fn of(parts: &[&Self], code: String, kind: Kind, more: f64) -> Self {
        let sum = |of: fn(&Self) -> f64| parts.iter().map(|part| of(part)).sum::<f64>();
        let work = sum(|part| part.work + 2.0 * part.kind.whole()) + kind.whole() + more;
        Self { code, kind, steps: sum(|part| part.steps) + OPERATION, work }
    }

    fn text(&self) -> String {
        match self.kind {
            Kind::Text(_) => format!("({})", self.code),
            Kind::List(..) => format!("({} | join)", self.code),
        }
    }

    fn length(&self) -> f64 {
        match self.kind {
            Kind::Text(length) => length,
            Kind::List(n, length) => n * length,
        }
    }
}

fn leaf(large: bool) -> impl Strategy<Value = Piece> {
    let texts = prop_oneof![
        2 => Just(("small", 10.0)),
        2 => Just(("middle", 1e4)),
        if large { 2 } else { 1 } => Just(("large", 1e6)),
    ];
    prop_oneof![
        3 => texts.prop_map(|(name, length)| Piece::leaf(name, Kind::Text(length))),
        1 => Just(Piece::leaf("list", Kind::List(100.0, 10.0))),
        1 => prop_oneof![0..50_u32, 0..100_000_u32].prop_map(|n| Piece::leaf(format!("range({n})"), Kind::List(f64::from(n), 7.0))),
    ]
}

fn expression(large: bool) -> impl Strategy<Value = Piece> {
    leaf(large).prop_recursive(3, 8, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            2 => two.clone().prop_map(|(a, b)| {
                let kind = Kind::Text(a.length() + b.length());
                Piece::of(&[&a, &b], format!("{} ~ {}", a.text(), b.text()), kind, 0.0)
            }),
            1 => inner.clone().prop_map(|a| Piece::of(&[&a], format!("{} | upper | lower", a.text()), Kind::Text(a.length()), 4.0 * a.length())),
            1 => two.clone().prop_map(|(a, b)| {
                // Each byte is found and replaced.
                let made = a.length() * b.length();
                Piece::of(&[&a, &b], format!("{} | replace('x', {})", a.text(), b.text()), Kind::Text(made), made)
            }),
            1 => two.prop_map(|(a, b)| {
                let (n, own) = match a.kind {
                    Kind::Text(length) => (length, 1.0),
                    Kind::List(n, own) => (n, own),
                };
                let made = n * (own + b.length());
                // Texts are lists of characters here.
                let code = format!("{} | list | join({})", a.code, b.text());
                Piece::of(&[&a, &b], format!("({code})"), Kind::Text(made), 2.0 * made + n * 128.0)
            }),
            1 => inner.clone().prop_map(|a| match a.kind {
                Kind::List(..) => Piece::of(&[&a], format!("({} | sort | reverse | list)", a.code), a.kind, 4.0 * a.kind.whole()),
                Kind::Text(_) => Piece::of(&[&a], format!("({} | indent(3))", a.code), a.kind, 16.0),
            }),
            1 => inner.clone().prop_map(|a| Piece::of(&[&a], format!("{}[1:]", a.text()), Kind::Text(a.length()), 12.0 * a.length())),
            1 => inner.prop_map(|a| Piece::of(&[&a], format!("({} | json)", a.code), Kind::Text(a.kind.written() + 2.0), 2.0 * a.kind.written())),
        ]
    })
}

/// A template with the most that it takes.
#[derive(Debug, Clone)]
struct Source {
    code: String,
    steps: f64,
    work: f64,
    output: f64,
}

impl Source {
    /// Whether it takes no more than a share of each limit.
    fn is_within(&self, share: f64) -> bool {
        self.steps <= STEPS * share && self.work <= WORK * share && self.output <= OUTPUT * share
    }

    fn then(self, next: Self) -> Self {
        Self {
            code: self.code + &next.code,
            steps: self.steps + next.steps,
            work: self.work + next.work,
            output: self.output + next.output,
        }
    }
}

/// Makes templates whose loops turn so often at most.
fn source(turns: u32, large: bool) -> impl Strategy<Value = Source> {
    let shown = expression(large).prop_map(|piece| {
        let output = piece.kind.written();
        Source {
            code: format!("{{{{ {} }}}}", piece.code),
            steps: piece.steps,
            work: piece.work + piece.kind.whole(),
            output,
        }
    });
    let seen = expression(large).prop_map(|piece| {
        let code = format!("{{% set v = {} %}}{{{{ v | length }}}}", piece.code);
        Source {
            code,
            steps: piece.steps + 3.0 * OPERATION,
            work: piece.work + piece.kind.whole(),
            output: 12.0,
        }
    });
    let leaf = prop_oneof![shown, seen];
    leaf.prop_recursive(3, 8, 2, move |inner| {
        let looped = (inner.clone(), prop_oneof![1..4_u32, 1..turns]).prop_map(|(body, turns)| {
            let n = f64::from(turns);
            Source {
                code: format!("{{% for i in range({turns}) %}}{}{{% endfor %}}", body.code),
                steps: n * (body.steps + OPERATION) + OPERATION,
                work: n * body.work + 128.0,
                output: n * body.output,
            }
        });
        let chosen = inner.clone().prop_map(|body| Source {
            code: format!("{{% if small %}}{}{{% else %}}y{{% endif %}}", body.code),
            steps: body.steps + OPERATION,
            ..body
        });
        prop_oneof![3 => looped, 1 => chosen, 1 => (inner.clone(), inner).prop_map(|(a, b)| a.then(b))]
    })
}

fn context() -> Context {
    let x = |n: usize| "x".repeat(n);
    Context::of(
        &json!({"small": x(10), "middle": x(10_000), "large": x(1_000_000), "list": vec![x(10); 100]}),
    )
}

fn render(source: &str) -> Result<usize, String> {
    let template = Template::compile("", source).map_err(|error| error.message)?;
    template.render(&context()).map(|text| text.len()).map_err(|error| error.message)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..fuzz::config(60) })]

    #[test]
    fn what_is_within_the_limits_is_never_refused(source in source(300, false).prop_filter("it is beyond", |source| source.is_within(0.05))) {
        // The bounds are rough, but what is a twentieth by them is within by any count.
        prop_assert!(render(&source.code).is_ok(), "{:?}: {source:?}", render(&source.code));
    }
}

/// What one rendering took: seconds of this thread, and the most memory that the process ever had.
fn measured(source: &str) -> (f64, f64, Result<usize, String>) {
    let before = seconds();
    let rendered = render(source);
    (seconds() - before, peak(), rendered)
}

fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn peak() -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Says in which process this is: memory is that of a whole one, so templates have one of their own.
const CHILD: &str = "REFRAIN_TEMPLATES_IN_A_PROCESS";

/// Templates that go to one limit and stop there.
const TO_THE_LIMITS: [&str; 3] = [
    "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}{% set v = large | upper | lower %}{% endfor %}",
    "{% for a in range(9999) %}{% set v = range(100000) | sort | reverse | list %}{% endfor %}",
];

#[test]
fn nothing_takes_much_more_than_the_limits_say() {
    if std::env::var_os(CHILD).is_some() {
        return in_a_process();
    }
    let name = "fuzz::limits::nothing_takes_much_more_than_the_limits_say";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn in_a_process() {
    let before = peak();
    let longest: f64 = TO_THE_LIMITS.iter().map(|source| measured(source).0).sum();
    let config = fuzz::config(12);
    let cases = config.cases;
    let (mut runner, makes) = (TestRunner::new(config), source(3_000, true));
    for part in ["[1:]", "[:5]", "[::2]", "[1:][1:]"] {
        let source = format!(
            "{{% for i in range(999) %}}{{% for j in range(999) %}}{{% set v = large{part} %}}{{% endfor %}}{{% endfor %}}"
        );
        let (seconds, _, rendered) = measured(&source);
        assert!(rendered.unwrap_err().contains("more work"), "{source}");
        assert!(seconds <= longest * TIME, "{seconds} s: {source:?}");
    }
    for _ in 0..cases {
        let source = makes.new_tree(&mut runner).unwrap().current();
        let (seconds, peak, rendered) = measured(&source.code);
        let told = ["steps", "more work than", "MiB of text", "at most", "nests more"];
        if let Err(message) = &rendered {
            assert!(told.iter().any(|part| message.contains(part)), "{message}: {source:?}");
        }
        assert!(seconds <= longest * TIME, "{seconds} s: {source:?}");
        assert!(peak - before <= (WORK + OUTPUT) * MEMORY, "{peak}: {source:?}");
    }
}
