//! Text in all its forms: quotes, `%` literals, heredocs, and the `#{...}` in them.
use super::{
    construct::Construct,
    lexer::{Lexer, NESTED, Part, Token},
};

/// Plain heredocs (`<<WORD`) whose end is looked for, at most: beyond it `<<` is the operator.
const LOOKED_FOR: usize = 1000;

/// Texts whose end was forgotten that are told apart, at most: each is read twice.
const FORGOTTEN: usize = 20;

/// How a stretch of text is written.
#[derive(Clone, Copy)]
struct Form {
    /// What opens another level, as the `(` of `%q(a (b))`.
    open: Option<char>,
    /// What ends it; a heredoc ends at `end`.
    close: Option<char>,
    end: usize,
    /// Whether `\n` and `#{...}` have a meaning.
    escapes: bool,
    /// White space that is taken off the start of each line.
    indent: usize,
    /// Where it began, for faults.
    start: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn text_literal(&mut self, start: usize, quote: char) {
        self.at += 1;
        let faults = self.faults.len();
        let mut parts = self.text_of(Form::quoted(start, quote));
        if let Some(end) = self.forgotten_end(start, quote) {
            self.faults.truncate(faults);
            self.forgotten += 1;
            let fault = self.source.fault(start, "this text does not end on its line");
            self.faults.push(fault.hint(format!("close it with `{quote}`")));
            parts = vec![Part::Text(self.text[start + 1..end].to_owned())];
            self.at = end;
        }
        self.push(text_token(parts), start);
    }

    /// The end of the line on which a text began, when it went on to what looks like the beginning of the next one: no value
    /// stands right behind a text.
    fn forgotten_end(&self, start: usize, quote: char) -> Option<usize> {
        let length = self.text[start..self.at].find('\n')?;
        let value =
            self.rest().starts_with(|c: char| c.is_alphanumeric() || c == quote || matches!(c, '/' | '~' | '_'));
        let told = value && self.nested == 0 && self.forgotten < FORGOTTEN;
        told.then(|| start + self.text[start..start + length].trim_end().len())
    }

    pub(super) fn quoted_symbol(&mut self, start: usize) {
        self.at += 1;
        let quote = self.bump().unwrap_or('"');
        let parts = self.text_of(Form::quoted(start, quote));
        let token = match text_token(parts) {
            Token::Text(text) => Token::Symbol(text),
            _ => Token::Foreign(Construct::Interpolation),
        };
        self.push(token, start);
    }

    fn text_of(&mut self, form: Form) -> Vec<Part> {
        let (mut parts, mut text, mut depth) = (Vec::new(), String::new(), 0_usize);
        if form.indent > 0 {
            self.skip_indent(form.indent);
        }
        while form.close.is_some() || self.at < form.end {
            let here = self.at;
            let Some(next) = self.bump() else {
                self.unended(form.start, form.close.unwrap_or('<'));
                break;
            };
            if Some(next) == form.close && depth == 0 {
                break;
            }
            match next {
                '\\' if form.escapes => text.extend(self.escape(here)),
                '\\' if form.close.is_some() => {
                    let quoted = self.peek().filter(|c| *c == '\\' || Some(*c) == form.close || Some(*c) == form.open);
                    match quoted {
                        Some(quoted) => {
                            text.push(quoted);
                            self.bump();
                        }
                        None => text.push('\\'),
                    }
                }
                '#' if form.escapes && self.rest().starts_with('{') => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    let code = self.interpolation(here);
                    parts.push(Part::Code(code));
                }
                '\n' if form.indent > 0 => {
                    text.push('\n');
                    self.skip_indent(form.indent);
                }
                _ => {
                    if Some(next) == form.open {
                        depth += 1;
                    } else if Some(next) == form.close {
                        depth -= 1;
                    }
                    text.push(next);
                }
            }
        }
        if !text.is_empty() || parts.is_empty() {
            parts.push(Part::Text(text));
        }
        parts
    }

    fn skip_indent(&mut self, most: usize) {
        let length = self.rest().bytes().take(most).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += length;
    }

    /// The tokens between `#{` and its `}`.
    fn interpolation(&mut self, start: usize) -> Vec<super::lexer::Lexeme> {
        if self.nested == NESTED {
            let message = format!("texts with `#{{...}}` lie more than {NESTED} deep in each other");
            self.faults.push(self.source.fault(start, message).hint("set a variable in a line of its own"));
            self.past_braces();
            return Vec::new();
        }
        self.at += 1;
        self.nested += 1;
        let outer = std::mem::take(&mut self.lexemes);
        let resume = self.resume.take();
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => {
                    self.unended(start, '}');
                    break;
                }
                Some('}') if depth == 0 => {
                    self.at += 1;
                    break;
                }
                Some(next) => {
                    depth += usize::from(next == '{');
                    depth -= usize::from(next == '}');
                    self.step(next);
                }
            }
        }
        self.nested -= 1;
        self.resume = resume;
        std::mem::replace(&mut self.lexemes, outer)
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

    pub(super) fn is_percent_literal(&self) -> bool {
        let rest = &self.rest()[1..];
        let letter = rest.starts_with(['w', 'W', 'i', 'I', 'q', 'Q', 'r', 'x', 's']);
        let delimiter = if letter { &rest[1..] } else { rest };
        self.expects_value() && delimiter.starts_with(['(', '[', '{', '<', '|', '!', '/'])
    }

    pub(super) fn percent_literal(&mut self, start: usize) {
        self.bump();
        let letter = self.peek().filter(char::is_ascii_alphabetic);
        if letter.is_some() {
            self.bump();
        }
        let Some(first) = self.bump() else { return };
        let (open, close) = match first {
            '(' => (Some('('), ')'),
            '[' => (Some('['), ']'),
            '{' => (Some('{'), '}'),
            '<' => (Some('<'), '>'),
            other => (None, other),
        };
        let escapes = matches!(letter, None | Some('Q' | 'W' | 'I'));
        let form = Form { open, close: Some(close), end: 0, escapes, indent: 0, start };
        let token = match letter {
            Some('w' | 'W' | 'i' | 'I') => {
                let words = words(self.text_of(form));
                if matches!(letter, Some('w' | 'W')) {
                    Token::Words(words)
                } else {
                    let plain = words.into_iter().map(|word| match text_token(word) {
                        Token::Text(text) => Some(text),
                        _ => None,
                    });
                    plain.collect::<Option<_>>().map_or(Token::Foreign(Construct::Interpolation), Token::Symbols)
                }
            }
            None | Some('q' | 'Q') => text_token(self.text_of(form)),
            Some('r') => {
                let body = self.inside(form, close);
                return self.pattern(body, start);
            }
            Some('x') => Token::Foreign(Construct::Backticks(self.inside(form, close).to_owned())),
            Some(_) => {
                self.text_of(form);
                Token::Foreign(Construct::PercentLiteral)
            }
        };
        self.push(token, start);
    }

    /// What a literal holds, as it is written.
    fn inside(&mut self, form: Form, close: char) -> &'s str {
        let begin = self.at;
        self.text_of(form);
        let text = &self.text[begin..self.at];
        text.strip_suffix(close).unwrap_or(text)
    }

    /// Whether `<` begins a heredoc: `<<~WORD`, `<<-WORD`, or `<<WORD` where a value may stand.
    pub(super) fn is_heredoc(&self) -> bool {
        let Some(rest) = self.rest().strip_prefix("<<") else { return false };
        let (sign, word) = match rest.strip_prefix(['~', '-']) {
            Some(word) => (true, word),
            None => (false, rest),
        };
        let word = word.strip_prefix(['"', '\'']).unwrap_or(word);
        let name = word.starts_with(|c: char| c.is_uppercase() || c == '_' || sign && c.is_alphabetic());
        name && (sign || self.expects_value())
    }

    /// Reads a heredoc; `false` when its end is nowhere and `<<` may be the operator.
    pub(super) fn heredoc(&mut self, start: usize) -> bool {
        self.at += 2;
        let sign = self.peek().filter(|c| matches!(c, '~' | '-'));
        self.at += usize::from(sign.is_some());
        let quote = self.peek().filter(|c| matches!(c, '"' | '\''));
        self.at += usize::from(quote.is_some());
        let word = self.word();
        if quote.is_some() && self.peek() == quote {
            self.at += 1;
        }
        let next_line = self.rest().find('\n').map_or(self.text.len(), |length| self.at + length + 1);
        let body = self.resume.map_or(next_line, |resume| resume.max(next_line)).min(self.text.len());
        let Some((end, after)) = self.heredoc_end(body, &word, sign.is_some()) else {
            if sign.is_none() {
                self.unended.insert(word);
                self.at = start;
                return false;
            }
            self.unended(start, '<');
            self.push(Token::Text(String::new()), start);
            self.at = self.text.len();
            return true;
        };
        let lines = self.text[body..end].lines().filter(|line| !line.trim().is_empty());
        let indents = lines.map(|line| line.len() - line.trim_start_matches([' ', '\t']).len());
        let indent = if sign == Some('~') { indents.min().unwrap_or_default() } else { 0 };
        let form = Form { open: None, close: None, end, escapes: quote != Some('\''), indent, start };
        let behind = std::mem::replace(&mut self.at, body);
        let parts = self.text_of(form);
        self.at = behind;
        self.resume = Some(after);
        self.push(text_token(parts), start);
        true
    }

    /// Where the line that ends a heredoc begins, and where the next one does.
    fn heredoc_end(&self, body: usize, word: &str, indented: bool) -> Option<(usize, usize)> {
        if self.unended.contains(word) || self.unended.len() >= LOOKED_FOR {
            return None;
        }
        let mut at = body;
        for line in self.text[body..].split_inclusive('\n') {
            let shown = line.trim_end_matches(['\n', '\r']);
            if (if indented { shown.trim_start() } else { shown }) == word {
                return Some((at, at + line.len()));
            }
            at += line.len();
        }
        None
    }

    /// Goes past the next unescaped `close`; gives what stands before it.
    pub(super) fn past(&mut self, close: char, start: usize) -> &'s str {
        let begin = self.at;
        while let Some(next) = self.bump() {
            if next == '\\' {
                self.bump();
            } else if next == close {
                return &self.text[begin..self.at - close.len_utf8()];
            }
        }
        self.unended(start, close);
        &self.text[begin..]
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

impl Form {
    fn quoted(start: usize, quote: char) -> Self {
        Self { open: None, close: Some(quote), end: 0, escapes: quote == '"', indent: 0, start }
    }
}

fn text_token(mut parts: Vec<Part>) -> Token {
    match parts.as_mut_slice() {
        [Part::Text(text)] => Token::Text(std::mem::take(text)),
        _ => Token::Template(parts),
    }
}

/// The words of `%w[...]`: text is split at white space, `#{...}` is not.
fn words(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let (mut words, mut word) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Code(_) => word.push(part),
            Part::Text(text) => {
                let mut pieces = text.split(char::is_whitespace);
                let first = pieces.next().unwrap_or_default();
                if !first.is_empty() {
                    word.push(Part::Text(first.to_owned()));
                }
                for piece in pieces {
                    if !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    if !piece.is_empty() {
                        word.push(Part::Text(piece.to_owned()));
                    }
                }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
