//! A model provider to try things out with: `provider [PORT [SETTINGS]]`, where the settings are a JSON object.
//!
//! It prints its address and serves until it is ended. `POST /control` with a JSON object changes settings while it serves;
//! `GET /journal` returns what it has served.
#![expect(clippy::print_stdout, reason = "this is a program")]

use std::error::Error;

use refrain_testkit::provider::{Provider, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let settings =
        arguments.next().map_or_else(|| Ok(Settings::default()), |text| serde_json::from_str(&text))?;
    let provider = Provider::start_at(settings, port)?;
    println!("provider listening on {}", provider.url());
    provider.wait();
    Ok(())
}
