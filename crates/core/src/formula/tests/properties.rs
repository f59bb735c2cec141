//! What holds for all texts: none panics, none takes more than there is, and small numbers are right.

use proptest::prelude::*;

use super::*;
use crate::formula::evaluate::Evaluation;
use crate::formula::store::{NoHoles, Store};
use crate::formula::words::Function;

/// Evaluates, and returns what was taken; the result does not matter.
fn taken(text: &str) -> Option<[(u64, u64); 4]> {
    let formula = Formula::parse(text).ok()?;
    let names = context();
    let store = Store::new(&names, &formula.variables, &NoHoles, 0);
    let mut evaluation = Evaluation::new(&store);
    let _ = evaluation.value(&formula.root);
    Some(evaluation.work.taken())
}

/// Formulas of few large operations, most of which parse.
fn formula() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("n"),
        Just("list"),
        Just("name"),
        Just("rows"),
        Just("state"),
        Just("'ab'"),
        Just("9"),
        Just("-1"),
        Just("1.5"),
        Just("None"),
        Just("[1, 2]"),
        Just("range(1000)"),
        Just("{'k': 1}"),
        Just("{1, 'a'}"),
        Just("i"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 30, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "//", "%", "**", "==", "<", "in", "and", "or", "is", ">=", "not in",
        ]);
        let function = prop::sample::select(Function::names().collect::<Vec<_>>());
        let method = prop::sample::select(Method::names().collect::<Vec<_>>());
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (function, inner.clone()).prop_map(|(function, a)| format!("{function}({a})")),
            (inner.clone(), method, prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(a, method, arguments)| format!("{a}.{method}({})", arguments.join(", "))),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("[{a} for i in {b} if {c}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("{a}[{b}:{c}:{b}]")),
        ]
    })
}

/// Counts like the language, with numbers that never overflow.
#[derive(Debug, Clone)]
enum Sum {
    Number(i32),
    Apply(Box<Self>, &'static str, Box<Self>),
}

impl Sum {
    fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Apply(a, operator, b) => format!("({} {operator} {})", a.text(), b.text()),
        }
    }

    fn value(&self) -> Option<i128> {
        let Self::Apply(a, operator, b) = self else {
            let Self::Number(n) = self else { return None };
            return Some((*n).into());
        };
        let (a, b) = (a.value()?, b.value()?);
        Some(match *operator {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            // By its definition: the largest whole number that is not above the quotient.
            "//" => a.checked_div_euclid(b)? - i128::from(b < 0 && a.rem_euclid(b) != 0),
            _ => a - b * Self::floor(a, b)?,
        })
    }

    fn floor(a: i128, b: i128) -> Option<i128> {
        Some(a.checked_div_euclid(b)? - i128::from(b < 0 && a.rem_euclid(b) != 0))
    }
}

fn sums() -> impl Strategy<Value = Sum> {
    (-20..20).prop_map(Sum::Number).prop_recursive(4, 12, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "//", "%"]);
        (inner.clone(), operator, inner)
            .prop_map(|(a, operator, b)| Sum::Apply(Box::new(a), operator, Box::new(b)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_panics(text in "[-a-z0-9 ()\\[\\]{}'\"<>=!.,:+*%/\\\\$_\u{e9}]{0,60}|((not|and|or|a|1|<|==|\\(|\\)|\\[|\\]|for|in|if|else|\\.|:|,|'b') ?){0,25}") {
        let _ = eval(&text);
        if let Ok(condition) = Condition::parse(&text) {
            let _ = condition.holds(&context(), &|_| Ok(json!("1")));
        }
    }

    #[test]
    fn small_numbers_are_right(sum in sums()) {
        match sum.value() {
            Some(value) if value.unsigned_abs() <= 1 << 53 => {
                prop_assert_eq!(eval(&sum.text()), Ok(json!(i64::try_from(value).unwrap())), "{}", sum.text());
            }
            _ => prop_assert!(eval(&sum.text()).is_err(), "{}", sum.text()),
        }
    }

    #[test]
    fn slices_are_those_of_positions(n in 0_usize..8, from in -10_i64..10, to in -10_i64..10, step in -3_i64..4) {
        prop_assume!(step != 0);
        let items: Vec<usize> = (0..n).collect();
        let size = i64::try_from(n).unwrap();
        let wanted: Vec<i64> = slice_by_hand(size, from, to, step);
        let text = format!("{}[{from}:{to}:{step}]", json!(items));
        prop_assert_eq!(eval(&text), Ok(json!(wanted)), "{}", text);
    }
}

proptest! {
    // Some of them take all that there is.
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_formula_takes_more_than_there_is(text in formula()) {
        for (taken, most) in taken(&text).into_iter().flatten() {
            prop_assert!(taken <= most, "{}: {} of {}", text, taken, most);
        }
    }
}

/// Walks from one end to the other, and takes what is there.
fn slice_by_hand(size: i64, from: i64, to: i64, step: i64) -> Vec<i64> {
    let counted = |end: i64| if end < 0 { end + size } else { end };
    let (from, to) = (counted(from), counted(to));
    let mut at = if step > 0 { from.max(0) } else { from.min(size - 1) };
    let to = if step > 0 { to } else { to.max(-1) };
    let mut taken = Vec::new();
    while (step > 0 && at < to.min(size)) || (step < 0 && at > to && at >= 0) {
        taken.push(at);
        at += step;
    }
    taken
}
