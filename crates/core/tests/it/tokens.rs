//! Counting tokens: guesses against real counts.

use refrain_core::tokens::count;
use serde::Deserialize;

/// A text, and how many tokens it is to the tokenizer `o200k_base`.
#[derive(Deserialize)]
struct Sample {
    name: String,
    tokens: u64,
    text: String,
}

fn samples() -> Vec<Sample> {
    serde_json::from_str(include_str!("samples/tokens.json")).unwrap()
}

#[test]
fn guesses_are_near_the_counts_of_a_real_tokenizer() {
    let samples = samples();
    let (mut guessed, mut counted, mut wrong) = (0, 0, Vec::new());
    for Sample { name, tokens, text } in &samples {
        let guess = count(text);
        (guessed, counted) = (guessed + guess, counted + tokens);
        // A token more or less is no matter in a short text.
        if guess.abs_diff(*tokens) * 4 > (*tokens).max(8) {
            wrong.push(format!("{name}: {guess} for {tokens}"));
        }
    }
    assert!(samples.len() > 50 && wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(guessed.abs_diff(counted) * 100 <= counted * 8, "{guessed} for {counted} in all");
}

#[test]
fn more_text_is_never_fewer_tokens_by_much() {
    let all: String = samples().into_iter().map(|sample| sample.text + "\n").collect();
    let parts: u64 = samples().iter().map(|sample| count(&sample.text)).sum();
    assert!(count(&all).abs_diff(parts) * 20 < parts, "texts count alike, alone and together");
    assert_eq!((count(""), count(" "), count("Yes.")), (0, 0, 3));
    assert!(count(&"x".repeat(1_000_000)) >= 1_000, "a text without end is not one word");
}
