//! Text into tokens. Ruby that is not read becomes [`Token::Foreign`], whole, so that what follows it can be read.
use super::construct::Construct;
use crate::{Fault, node::source::Source};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `log_level`, `true`, `if`.
    Word(String),
    /// `STDOUT`, `OpenSSL::SSL::VERIFY_NONE`.
    Constant(String),
    Symbol(String),
    Text(String),
    Integer(i64),
    Float(f64),
    /// One of `( ) [ ] { } ,`.
    Mark(char),
    /// Any other run of punctuation.
    Operator(String),
    /// End of a line, or `;`.
    End,
    Foreign(Construct),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub token: Token,
    pub at: usize,
    /// Whether white space stands before it: `path [1]` gives a list, `path[1]` looks something up.
    pub spaced: bool,
}

pub(super) fn tokens(source: &Source) -> (Vec<Lexeme>, Vec<Fault>) {
    let mut lexer = Lexer { source, text: source.text(), at: 0, lexemes: Vec::new(), faults: Vec::new() };
    while let Some(next) = lexer.peek() {
        lexer.step(next);
    }
    (lexer.lexemes, lexer.faults)
}

struct Lexer<'s> {
    source: &'s Source,
    text: &'s str,
    at: usize,
    lexemes: Vec<Lexeme>,
    faults: Vec<Fault>,
}

impl<'s> Lexer<'s> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn push(&mut self, token: Token, at: usize) {
        let spaced = self.text[..at].chars().next_back().is_none_or(char::is_whitespace);
        self.lexemes.push(Lexeme { token, at, spaced });
    }

    fn step(&mut self, next: char) {
        let start = self.at;
        let line_start = start == 0 || self.text[..start].ends_with('\n');
        match next {
            '\n' | ';' => {
                self.at += 1;
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
            '\'' => {
                let text = self.single(start);
                self.push(Token::Text(text), start);
            }
            '"' => match self.double(start) {
                Ok(text) => self.push(Token::Text(text), start),
                Err(at) => self.push(Token::Foreign(Construct::Interpolation), at),
            },
            '`' => {
                self.at += 1;
                self.past('`', start);
                self.push(Token::Foreign(Construct::Backticks), start);
            }
            ':' if self.rest()[1..].starts_with('"') => {
                self.at += 1;
                match self.double(start) {
                    Ok(text) => self.push(Token::Symbol(text), start),
                    Err(at) => self.push(Token::Foreign(Construct::Interpolation), at),
                }
            }
            ':' if self.rest()[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                self.at += 1;
                let name = self.word();
                self.push(Token::Symbol(name), start);
            }
            '$' | '@' => self.variable(start),
            '%' if self.is_percent_literal() => {
                self.percent_literal(start);
                self.push(Token::Foreign(Construct::PercentLiteral), start);
            }
            '<' if self.rest()[1..].starts_with("<~") || self.rest()[1..].starts_with("<-") => self.heredoc(start),
            '/' if self.expects_value() => {
                self.at += 1;
                self.past('/', start);
                self.push(Token::Foreign(Construct::Regex), start);
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
                match word.as_str() {
                    "__FILE__" | "__dir__" | "__LINE__" => self.push(Token::Foreign(Construct::Special(word)), start),
                    _ if word.starts_with(char::is_uppercase) => self.push(Token::Constant(word), start),
                    _ => self.push(Token::Word(word), start),
                }
            }
            _ => {
                self.bump();
                while self.peek().is_some_and(|c| "=<>|&+-*/!~?:.".contains(c)) {
                    self.bump();
                }
                self.push(Token::Operator(self.text[start..self.at].to_owned()), start);
            }
        }
    }

    /// Whether a value may stand here, rather than an operator between two.
    fn expects_value(&self) -> bool {
        match self.lexemes.last().map(|lexeme| &lexeme.token) {
            None | Some(Token::End | Token::Operator(_) | Token::Mark('(' | '[' | '{' | ',')) => true,
            Some(Token::Word(_)) => !self.rest()[1..].starts_with(char::is_whitespace),
            Some(
                Token::Constant(_)
                | Token::Symbol(_)
                | Token::Text(_)
                | Token::Integer(_)
                | Token::Float(_)
                | Token::Mark(_)
                | Token::Foreign(_),
            ) => false,
        }
    }

    fn word(&mut self) -> String {
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
        while self.peek().is_some_and(|c| c.is_alphanumeric() || "_@".contains(c)) {
            self.bump();
        }
        let token = match &self.text[start..self.at] {
            "$stdout" | "$STDOUT" => Token::Constant("STDOUT".to_owned()),
            "$stderr" | "$STDERR" => Token::Constant("STDERR".to_owned()),
            _ => Token::Foreign(Construct::Variable),
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

    /// `'text'`: only `\'` and `\\` are escapes.
    fn single(&mut self, start: usize) -> String {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('\'') => return text,
                Some('\\') if self.rest().starts_with(['\'', '\\']) => text.extend(self.bump()),
                Some(other) => text.push(other),
                None => {
                    self.unended(start, '\'');
                    return text;
                }
            }
        }
    }

    /// `"text"`; the place of the first `#{` when there is one.
    fn double(&mut self, start: usize) -> Result<String, usize> {
        self.at += 1;
        let (mut text, mut interpolated) = (String::new(), None);
        loop {
            let here = self.at;
            match self.bump() {
                Some('"') => return interpolated.map_or(Ok(text), Err),
                Some('\\') => text.extend(self.escape(here)),
                Some('#') if self.rest().starts_with('{') => {
                    interpolated.get_or_insert(here);
                    self.past_braces();
                }
                Some(other) => text.push(other),
                None => {
                    self.unended(start, '"');
                    return Ok(text);
                }
            }
        }
    }

    /// Source: Ruby's documentation, "String escapes".
    fn escape(&mut self, start: usize) -> Option<char> {
        let letter = self.bump()?;
        let code = match letter {
            'n' => return Some('\n'),
            't' => return Some('\t'),
            'r' => return Some('\r'),
            's' => return Some(' '),
            'a' => return Some('\u{7}'),
            'b' => return Some('\u{8}'),
            'e' => return Some('\u{1b}'),
            'f' => return Some('\u{c}'),
            'v' => return Some('\u{b}'),
            '\n' => return None,
            '0'..='7' => {
                self.at -= 1;
                self.digits(8, 3)
            }
            'x' => self.digits(16, 2),
            'u' if self.rest().starts_with('{') => {
                self.at += 1;
                let code = self.digits(16, 6);
                if self.rest().starts_with('}') {
                    self.at += 1;
                    code
                } else {
                    None
                }
            }
            'u' => self.digits(16, 4),
            other => return Some(other),
        };
        // Above 0x7f, `\x` and octal name a byte, not a character.
        let limit = if letter == 'u' { 0x10_ffff } else { 0x7f };
        let character = code.filter(|code| *code <= limit).and_then(char::from_u32);
        if character.is_none() {
            let fault = self.source.fault(start, format!("`\\{letter}` is not followed by the code of a character"));
            self.faults.push(fault.hint("write the character itself, or `\\u{e9}`; a backslash itself is `\\\\`"));
        }
        character
    }

    fn digits(&mut self, radix: u32, most: usize) -> Option<u32> {
        let length = self.rest().chars().take(most).take_while(|c| c.is_digit(radix)).count();
        let code = u32::from_str_radix(&self.rest()[..length], radix).ok();
        self.at += length;
        code
    }

    fn is_percent_literal(&self) -> bool {
        let rest = &self.rest()[1..];
        let letter = rest.starts_with(['w', 'W', 'i', 'I', 'q', 'Q']);
        let delimiter = if letter { &rest[1..] } else { rest };
        self.expects_value() && delimiter.starts_with(['(', '[', '{', '<', '|', '!', '/'])
    }

    fn percent_literal(&mut self, start: usize) {
        self.bump();
        if self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            self.bump();
        }
        let close = match self.bump() {
            Some('(') => ')',
            Some('[') => ']',
            Some('{') => '}',
            Some('<') => '>',
            Some(other) => other,
            None => return,
        };
        self.past(close, start);
    }

    fn heredoc(&mut self, start: usize) {
        self.at += 3;
        let quoted = self.rest().starts_with(['"', '\'']);
        self.at += usize::from(quoted);
        let end = self.word();
        self.at += usize::from(quoted && !self.rest().is_empty());
        self.push(Token::Foreign(Construct::Heredoc), start);
        let line_end = self.rest().find('\n').map_or(self.text.len(), |length| self.at + length);
        let mut after = line_end;
        for line in self.text[line_end..].split_inclusive('\n') {
            after += line.len();
            if line.trim() == end {
                self.at = after;
                self.push(Token::End, after.saturating_sub(1));
                return;
            }
        }
        self.unended(start, '<');
        self.at = self.text.len();
    }

    /// Goes past the next unescaped `close`.
    fn past(&mut self, close: char, start: usize) {
        while let Some(next) = self.bump() {
            if next == '\\' {
                self.bump();
            } else if next == close {
                return;
            }
        }
        self.unended(start, close);
    }

    /// Goes past the braces of an interpolation and any quoted text in them.
    fn past_braces(&mut self) {
        let mut depth = 0_usize;
        let mut quote = None;
        while let Some(next) = self.bump() {
            match (quote, next) {
                (Some(open), next) if next == open => quote = None,
                (Some(_), '\\') => {
                    self.bump();
                }
                (None, '"' | '\'') => quote = Some(next),
                (None, '{') => depth += 1,
                (None, '}') if depth == 1 => return,
                (None, '}') => depth -= 1,
                (Some(_) | None, _) => {}
            }
        }
    }

    fn unended(&mut self, start: usize, close: char) {
        let fault = self.source.fault(start, "this text does not end");
        self.faults.push(match close {
            '<' => fault.hint("a heredoc ends at a line with its word alone; better write `\"text\"`"),
            close => fault.hint(format!("close it with `{close}`")),
        });
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
