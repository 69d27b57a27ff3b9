//! What outputs other than snapshots show of a name, a function or a script while redaction is on: reports, profiles,
//! metrics and log lines obey the rules of the snapshots, with the same hashes.

use std::borrow::Cow;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, Ordering};

use super::names::{NameRules, placeholder};
use super::{scripts, strings};

/// Whether the state of the process that others read is redacted. It never goes off again: what was asked for once must
/// not be lost to a second watch.
static ON: AtomicBool = AtomicBool::new(false);

/// From now on [`label`] and [`site`] redact.
pub fn turn_on() {
    ON.store(true, Ordering::Relaxed);
}

fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The name of a cache, an emitter, an event, a host: identifiers of the code stay.
#[must_use]
pub fn name(text: &str) -> Cow<'_, str> {
    named(text, &NameRules::built_in())
}

fn named<'t>(text: &'t str, names: &NameRules) -> Cow<'t, str> {
    let stays = text.is_empty() || names.know(text.as_bytes());
    if stays { Cow::Borrowed(text) } else { Cow::Owned(placeholder(text.as_bytes())) }
}

/// The name of a function.
#[must_use]
pub fn function(text: &str) -> Cow<'_, str> {
    let stays = text.is_empty() || NameRules::built_in().know_function(text.as_bytes());
    if stays { Cow::Borrowed(text) } else { Cow::Owned(placeholder(text.as_bytes())) }
}

/// The name of a script: a file that exists, without a query, or one of Node's own.
#[must_use]
pub fn script(text: &str) -> Cow<'_, str> {
    if text.is_empty() || strings::is_nameless_or_internal(text.as_bytes(), &NameRules::built_in())
    {
        return Cow::Borrowed(text);
    }
    match scripts::existing(text.as_bytes()) {
        Some((name, _)) => Cow::Borrowed(&text[..name.len()]),
        None if is_in_working_directory(text) => Cow::Borrowed(text),
        None => Cow::Owned(placeholder(text.as_bytes())),
    }
}

/// Caches without a name are called by the place where they are made, relative to the working directory.
fn is_in_working_directory(text: &str) -> bool {
    let is_below = Path::new(text).components().all(|part| matches!(part, Component::Normal(_)));
    is_below && std::env::current_dir().is_ok_and(|dir| dir.join(text).is_file())
}

/// A place of the code, `file:line:column` with a function behind it or not; null bytes and the like are data.
fn place(text: &str) -> Cow<'_, str> {
    // The function follows the first blank behind the numbers; a file may have blanks and colons.
    let end_of_numbers = |text: &str| {
        let (rest, column) = text.rsplit_once(':')?;
        let (file, line) = rest.rsplit_once(':')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (is_number(line) && is_number(column)).then_some((file.len(), text.len()))
    };
    let blanks = text.match_indices(' ').map(|(at, _)| at).chain([text.len()]);
    for at in blanks {
        if let Some((file, end)) = end_of_numbers(&text[..at]) {
            let rest = text[end..].trim_start();
            let shown = [&script(&text[..file]), &text[file..end], " ", &function(rest)].concat();
            return Cow::Owned(shown.trim_end().to_owned());
        }
    }
    Cow::Owned(placeholder(text.as_bytes()))
}

/// What the published state shows of a tracked thing's name: `emitter: event`, `agent host`.
#[must_use]
pub fn label(text: String) -> String {
    if is_on() { labelled(&text) } else { text }
}

/// [`label`], whether the state is redacted or not.
#[must_use]
pub fn labelled(text: &str) -> String {
    let names = NameRules::built_in();
    match text.split_once(": ") {
        Some((source, event)) => [&named(source, &names), ": ", &named(event, &names)].concat(),
        None => match text.split_once(' ') {
            Some((agent, host)) => [&named(agent, &names), " ", &named(host, &names)].concat(),
            None => named(text, &names).into_owned(),
        },
    }
}

/// What the published state shows of a site.
#[must_use]
pub fn site(text: String) -> String {
    if is_on() && !text.is_empty() { place(&text).into_owned() } else { text }
}

/// What the published state shows of a cache's name, or of the place where it was made.
#[must_use]
pub fn cache(text: String, is_given: bool) -> String {
    match is_given {
        _ if !is_on() || text.is_empty() => text,
        true => name(&text).into_owned(),
        false => place(&text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_code_is_hashed() {
        super::super::learn_built_in(b"node:fs", b"change, EventEmitter, Agent, run, shownOnly");
        let hashed = |text: &str| placeholder(text.as_bytes());
        assert_eq!(name("change"), "change");
        assert_eq!(name("user:17"), hashed("user:17"));
        assert_eq!(labelled("EventEmitter: change"), "EventEmitter: change");
        assert_eq!(labelled("EventEmitter: a: b"), format!("EventEmitter: {}", hashed("a: b")));
        assert_eq!(labelled("Agent a.example:80:"), format!("Agent {}", hashed("a.example:80:")));
        assert_eq!(function("EventEmitter.run"), "EventEmitter.run");
        assert_eq!(function("run_17"), hashed("run_17"));
        assert_eq!(script("node:fs"), "node:fs");
        assert_eq!(script("node:secret"), hashed("node:secret"));
        assert_eq!(script("/srv/none.js?token=1"), hashed("/srv/none.js?token=1"));
        assert_eq!(script("Cargo.toml"), "Cargo.toml");
    }

    #[test]
    fn a_place_keeps_its_numbers() {
        super::super::learn_built_in(b"node:fs", b"run");
        let hashed = |text: &str| placeholder(text.as_bytes());
        assert_eq!(place("Cargo.toml:3:7 run"), "Cargo.toml:3:7 run");
        assert_eq!(place("Cargo.toml:3:7"), "Cargo.toml:3:7");
        assert_eq!(
            place("a b:1.js:3:7 x y"),
            format!("{}:3:7 {}", hashed("a b:1.js"), hashed("x y"))
        );
        assert_eq!(place("secret"), hashed("secret"));
        assert_eq!(place("data:,a:1:2:3:4"), format!("{}:3:4", hashed("data:,a:1:2")));
    }

    #[test]
    fn only_numbers_make_a_place() {
        let hashed = |text: &str| placeholder(text.as_bytes());
        for text in ["Cargo.toml:x:7", "Cargo.toml:3:", "Cargo.toml::7", "Cargo.toml:3:7x"] {
            assert_eq!(place(text), hashed(text));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_published_state_is_redacted_from_the_first_time_it_is_asked_for() {
        let name = "snapshot::redaction::shown::tests::\
                    the_published_state_is_redacted_from_the_first_time_it_is_asked_for";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        super::super::learn_built_in(b"node:fs", b"change");
        let shown = |text: &str| {
            let text = || text.to_owned();
            [label(text()), site(text()), cache(text(), true), cache(text(), false)]
        };
        assert_eq!(shown("user 17"), [(); 4].map(|()| "user 17"));
        turn_on();
        let hashed = |text: &str| placeholder(text.as_bytes());
        let parts = format!("{} {}", hashed("user"), hashed("17"));
        assert_eq!(
            shown("user 17"),
            [parts, hashed("user 17"), hashed("user 17"), hashed("user 17")]
        );
        assert_eq!(shown("change")[..3], ["change".to_owned(), hashed("change"), "change".into()]);
        let place = "Cargo.toml:3:7";
        assert_eq!([site(place.into()), cache(place.into(), false)], [place, place]);
        assert_eq!(cache(place.into(), true), hashed(place), "a name is no place");
        assert_eq!(shown(""), [(); 4].map(|()| ""));
    }
}
