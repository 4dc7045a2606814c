//! Text into tokens. Ruby that is not read becomes [`Token::Foreign`], whole, so that what follows it can be read.
use std::collections::BTreeSet;

use super::{construct::Construct, pattern::Pattern};
use crate::{Fault, node::source::Source};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `log_level`, `true`, `if`, `@path`.
    Word(String),
    /// `STDOUT`, `OpenSSL::SSL::VERIFY_NONE`.
    Constant(String),
    /// `$LOAD_PATH`.
    Global(String),
    Symbol(String),
    Text(String),
    /// Text with `#{...}` in it.
    Template(Vec<Part>),
    /// `%w[a b]`.
    Words(Vec<Vec<Part>>),
    /// `%i[a b]`.
    Symbols(Vec<String>),
    /// `/mswin|mingw/`.
    Pattern(Pattern),
    Integer(i64),
    Float(f64),
    /// One of `( ) [ ] { } ,`.
    Mark(char),
    Operator(&'static str),
    /// End of a line, or `;`.
    End,
    Foreign(Construct),
}

/// A stretch of text with `#{...}` in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Code(Vec<Lexeme>),
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme {
    pub token: Token,
    pub at: usize,
    /// Whether white space stands before it: `path [1]` gives a list, `path[1]` looks something up.
    pub spaced: bool,
}

/// Ruby's operators, the longest first.
const OPERATORS: [&str; 48] = [
    "<=>", "===", "...", "<<=", ">>=", "&&=", "||=", "**=", "&.", "**", "==", "!=", ">=", "<=", "&&", "||", "=~", "!~",
    "..", "::", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "<<", ">>", "->", "=>", "=", "<", ">", "|", "&", "+",
    "-", "*", "/", "%", "!", "~", "?", ":", ".", "^",
];

/// `#{...}` inside `#{...}`, at most.
pub(super) const NESTED: usize = 8;

pub(super) fn tokens(source: &Source) -> (Vec<Lexeme>, Vec<Fault>) {
    let mut lexer = Lexer {
        source,
        text: source.text(),
        at: 0,
        lexemes: Vec::new(),
        faults: Vec::new(),
        nested: 0,
        resume: None,
        unended: BTreeSet::new(),
        forgotten: 0,
    };
    while let Some(next) = lexer.peek() {
        lexer.step(next);
    }
    (lexer.lexemes, lexer.faults)
}

pub(super) struct Lexer<'s> {
    pub(super) source: &'s Source,
    pub(super) text: &'s str,
    pub(super) at: usize,
    pub(super) lexemes: Vec<Lexeme>,
    pub(super) faults: Vec<Fault>,
    pub(super) nested: usize,
    /// Where reading goes on after this line: behind the heredocs that it began.
    pub(super) resume: Option<usize>,
    /// Words after `<<` that end no heredoc.
    pub(super) unended: BTreeSet<String>,
    /// Texts so far that did not end on their line, and should have.
    pub(super) forgotten: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub(super) fn push(&mut self, token: Token, at: usize) {
        let spaced = self.is_spaced(at);
        self.lexemes.push(Lexeme { token, at, spaced });
    }

    fn is_spaced(&self, at: usize) -> bool {
        self.text[..at].chars().next_back().is_none_or(char::is_whitespace)
    }

    pub(super) fn step(&mut self, next: char) {
        let start = self.at;
        let line_start = start == 0 || self.text[..start].ends_with('\n');
        match next {
            '\n' | ';' => {
                self.at += 1;
                if next == '\n'
                    && let Some(resume) = self.resume.take()
                {
                    self.at = self.at.max(resume);
                }
                self.push(Token::End, start);
            }
            '\\' if self.rest().starts_with("\\\n") || self.rest().starts_with("\\\r\n") => {
                self.at += self.rest().find('\n').map_or(1, |length| length + 1);
            }
            '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
            '=' if line_start && self.rest().starts_with("=begin") => match self.rest().find("\n=end") {
                Some(end) => {
                    let after = self.at + end + 1;
                    self.at = self.text[after..].find('\n').map_or(self.text.len(), |length| after + length);
                }
                None => {
                    let fault = self.source.fault(start, "this comment does not end");
                    self.faults.push(fault.hint("close it with `=end` at the start of a line"));
                    self.at = self.text.len();
                }
            },
            '_' if line_start && self.rest().lines().next() == Some("__END__") => self.at = self.text.len(),
            c if c.is_whitespace() || c == '\u{feff}' => {
                self.bump();
            }
            '\'' | '"' => self.text_literal(start, next),
            '`' => {
                self.at += 1;
                let command = self.past('`', start).to_owned();
                self.push(Token::Foreign(Construct::Backticks(command)), start);
            }
            ':' if self.rest()[1..].starts_with(['"', '\'']) && !self.ends_a_value() => self.quoted_symbol(start),
            ':' if self.rest()[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                self.at += 1;
                let name = self.word();
                self.push(Token::Symbol(name), start);
            }
            '$' | '@' => self.variable(start),
            '%' if self.is_percent_literal() => self.percent_literal(start),
            '<' if self.is_heredoc() && self.heredoc(start) => {}
            '/' if self.expects_value() => {
                self.at += 1;
                let body = self.past('/', start);
                self.pattern(body, start);
            }
            '(' | ')' | '[' | ']' | '{' | '}' | ',' => {
                self.at += 1;
                self.push(Token::Mark(next), start);
            }
            c if c.is_ascii_digit() => self.number(start),
            '-' | '+' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) && self.expects_value() => {
                self.number(start);
            }
            c if c.is_alphabetic() || c == '_' => {
                let word = self.name();
                let constant = word.starts_with(char::is_uppercase);
                self.push(if constant { Token::Constant(word) } else { Token::Word(word) }, start);
            }
            _ => match OPERATORS.iter().find(|operator| self.rest().starts_with(**operator)) {
                Some(operator) => {
                    self.at += operator.len();
                    self.push(Token::Operator(operator), start);
                }
                None => {
                    self.bump();
                    self.push(Token::Foreign(Construct::Special(next.to_string())), start);
                }
            },
        }
    }

    /// Whether a value has just ended, without white space: a `:` here belongs to it (`"key":"value"`).
    fn ends_a_value(&self) -> bool {
        !self.is_spaced(self.at) && !self.expects_value()
    }

    /// Whether a value may stand here, rather than an operator between two.
    pub(super) fn expects_value(&self) -> bool {
        match self.lexemes.last().map(|lexeme| &lexeme.token) {
            None | Some(Token::End | Token::Operator(_) | Token::Mark('(' | '[' | '{' | ',')) => true,
            Some(Token::Word(_)) => self.is_spaced(self.at) && !self.rest()[1..].starts_with(char::is_whitespace),
            Some(
                Token::Constant(_)
                | Token::Global(_)
                | Token::Symbol(_)
                | Token::Text(_)
                | Token::Template(_)
                | Token::Words(_)
                | Token::Symbols(_)
                | Token::Pattern(_)
                | Token::Integer(_)
                | Token::Float(_)
                | Token::Mark(_)
                | Token::Foreign(_),
            ) => false,
        }
    }

    /// A regular expression whose flags are still to be read.
    pub(super) fn pattern(&mut self, body: &str, start: usize) {
        let flags = self.rest().find(|c| !"imxounse".contains(c)).map_or(self.rest(), |length| &self.rest()[..length]);
        self.at += flags.len();
        self.push(Token::Pattern(Pattern::new(body, flags)), start);
    }

    pub(super) fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.bump();
        }
        if self.rest().starts_with(['?', '!']) && !self.rest()[1..].starts_with('=') {
            self.at += 1;
        }
        self.text[start..self.at].to_owned()
    }

    /// A word, with `::` between the parts of a constant.
    fn name(&mut self) -> String {
        let start = self.at;
        self.word();
        while self.rest().starts_with("::") && self.rest()[2..].starts_with(char::is_uppercase) {
            self.at += 2;
            self.word();
        }
        self.text[start..self.at].to_owned()
    }

    fn variable(&mut self, start: usize) {
        self.bump();
        if self.rest().starts_with(|c: char| "!:;,./<>~*$?&`'+".contains(c)) && self.text[start..].starts_with('$') {
            self.bump();
        }
        while self.peek().is_some_and(|c| c.is_alphanumeric() || "_@".contains(c)) {
            self.bump();
        }
        let token = match &self.text[start..self.at] {
            "$stdout" | "$STDOUT" => Token::Constant("STDOUT".to_owned()),
            "$stderr" | "$STDERR" => Token::Constant("STDERR".to_owned()),
            name if name.starts_with('$') => Token::Global(name.to_owned()),
            name => Token::Word(name.to_owned()),
        };
        self.push(token, start);
    }

    fn number(&mut self, start: usize) {
        self.bump();
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
            || self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())
            || self.rest().starts_with(['+', '-'])
                && self.text[start..self.at].ends_with(['e', 'E'])
                && !self.text[start..self.at].contains(['x', 'X'])
        {
            self.bump();
        }
        let written = &self.text[start..self.at];
        match number_of(written) {
            Some(token) => self.push(token, start),
            None => {
                let fault = self.source.fault(start, format!("`{written}` is no number, or too large for one"));
                self.faults.push(fault.hint("write a number as `10`, `0644` (octal), `0.5`, and text in quotes"));
                self.push(Token::Integer(0), start);
            }
        }
    }
}

/// Ruby's numbers: `10`, `1_000`, `0644`, `0x1f`, `0b1`, `1.5e3`.
fn number_of(written: &str) -> Option<Token> {
    let (sign, digits) = match written.strip_prefix(['-', '+']) {
        Some(digits) => (&written[..1], digits),
        None => ("", written),
    };
    if digits.contains("__") || digits.ends_with('_') {
        return None;
    }
    let plain = digits.replace('_', "").to_ascii_lowercase();
    let in_radix =
        |digits: &str, radix| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().map(Token::Integer);
    if let Some(hex) = plain.strip_prefix("0x") {
        in_radix(hex, 16)
    } else if let Some(binary) = plain.strip_prefix("0b") {
        in_radix(binary, 2)
    } else if plain.contains(['.', 'e']) {
        let number: f64 = format!("{sign}{plain}").parse().ok()?;
        number.is_finite().then_some(Token::Float(number))
    } else if plain.len() > 1 && plain.starts_with('0') {
        in_radix(plain.strip_prefix("0o").unwrap_or(&plain), 8)
    } else {
        in_radix(&plain, 10)
    }
}
