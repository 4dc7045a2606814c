//! Faults of lines that hold a password: they are told without the line, and without its words.
use std::collections::BTreeSet;

use super::{
    known::{KNOWN, Shape},
    parser::KEYWORDS,
};
use crate::{Fault, node::source::position};

/// Whether the setting is shown nowhere.
pub(super) fn is_secret(name: &str) -> bool {
    KNOWN.iter().any(|known| known.name == name && known.shape == Shape::Secret)
}

/// Takes out of faults what they show of lines that hold a password.
pub(super) fn hide_secrets(text: &str, faults: &mut [Fault]) {
    if faults.is_empty() {
        return;
    }
    let hidden = secret_lines(text);
    let lines = text.lines().zip(&hidden).filter(|(_, hidden)| **hidden);
    let words: BTreeSet<&str> = lines.flat_map(|(line, _)| words(line)).filter(|word| !is_ours(word)).collect();
    for fault in faults {
        let line = position(fault.place.as_ref()).0;
        if line.checked_sub(1).and_then(|index| hidden.get(index)) == Some(&true) {
            fault.excerpt = None;
            fault.message = without(&fault.message, &words);
            fault.hints = fault.hints.iter().map(|hint| without(hint, &words)).collect();
        }
    }
}

/// Which lines set a secret, or hold the password of an address. What sets a secret may go over several lines: they end where a
/// line begins with the name of another setting.
fn secret_lines(text: &str) -> Vec<bool> {
    let mut within = false;
    let line = |line: &str| {
        let name = words(line.trim_start()).next().unwrap_or_default();
        within = words(line).any(is_secret) || within && KNOWN.iter().all(|known| known.name != name);
        within || line.split_once("://").is_some_and(|(_, address)| address.contains('@'))
    };
    text.lines().map(line).collect()
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn is_ours(word: &str) -> bool {
    word.is_empty() || KEYWORDS.contains(&word) || KNOWN.iter().any(|known| known.name == word)
}

/// A sentence whose quotes (in backticks) have none of these words.
fn without(sentence: &str, secret: &BTreeSet<&str>) -> String {
    let quotes = sentence
        .split('`')
        .enumerate()
        .map(|(n, part)| if n % 2 == 1 && words(part).any(|word| secret.contains(word)) { "…" } else { part });
    quotes.collect::<Vec<_>>().join("`")
}
