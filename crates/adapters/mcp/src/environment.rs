//! What a server sees of the environment.

use refrain_core::ports::secrets::Secrets;
use refrain_schemas::endpoint::{HeaderValue, ServerSpec};

use crate::scrub::Scrub;

/// The variables that every server gets: without them programs are not found, or write where they should not.
pub const DEFAULT_ENV: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// The variables of a server, in order, and the secrets among them.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) scrub: Scrub,
}

/// Returns what a server of this spec is started with.
///
/// # Errors
/// Names the first variable that is nowhere.
pub(crate) fn environment(spec: &ServerSpec, secrets: &dyn Secrets) -> Result<Environment, String> {
    let inherited =
        DEFAULT_ENV.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut variables: Vec<(String, String)> = inherited.collect();
    let mut scrub = Scrub::default();
    for entry in &spec.env {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let value = secrets.get(entry).ok_or_else(|| entry.clone())?;
                scrub.hide(entry, &value);
                (entry.as_str(), value)
            }
        };
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value));
    }
    Ok(Environment { variables, scrub })
}

/// The headers that a server gets, in order, and the secrets among them.
///
/// # Errors
/// Names the first variable that is nowhere.
pub(crate) fn headers(
    spec: &ServerSpec,
    secrets: &dyn Secrets,
) -> Result<(Vec<(String, String)>, Scrub), String> {
    let mut scrub = Scrub::default();
    let mut headers = Vec::new();
    for (name, value) in &spec.headers {
        let value = match value {
            HeaderValue::Text(text) => text.clone(),
            HeaderValue::Env(from) => {
                let value = secrets.get(&from.env).ok_or_else(|| from.env.clone())?;
                scrub.hide(&from.env, &value);
                format!("{}{value}", from.prefix.as_deref().unwrap_or_default())
            }
        };
        headers.push((name.clone(), value));
    }
    Ok((headers, scrub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct One;

    impl Secrets for One {
        fn get(&self, name: &str) -> Option<String> {
            (name == "TOKEN").then(|| "t0ps3cret".to_owned())
        }
    }

    fn check(env: &[&str], expect: Result<&[(&str, &str)], &str>) {
        let env = env.iter().map(|&entry| entry.to_owned()).collect();
        let made = environment(&ServerSpec { env, ..ServerSpec::default() }, &One);
        let made =
            made.map(|made| made.variables.into_iter().filter(|(name, _)| !is_default(name)).collect());
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let expect: Result<Vec<_>, _> =
            expect.map(|all| all.iter().map(owned).collect()).map_err(str::to_owned);
        assert_eq!(made, expect);
    }

    fn is_default(name: &str) -> bool {
        DEFAULT_ENV.contains(&name)
    }

    #[test]
    fn only_what_is_named_gets_in() {
        check(&[], Ok(&[]));
        check(&["TOKEN", "MODE=a=b"], Ok(&[("TOKEN", "t0ps3cret"), ("MODE", "a=b")]));
        check(&["A=1", "A=2"], Ok(&[("A", "2")]));
        check(&["TOKEN", "ELSEWHERE"], Err("ELSEWHERE"));
    }
}
