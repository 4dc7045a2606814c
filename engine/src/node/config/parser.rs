//! Tokens into statements: `setting value`, one a line. At anything else a fault is recorded, and reading goes on at the next
//! line.
use super::{
    construct::Construct,
    known::KNOWN,
    lexer::{Lexeme, Token},
};
use crate::{Fault, node::source::Source};

/// `name argument`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub name: String,
    pub at: usize,
    pub argument: Expression,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    pub kind: ExpressionKind,
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExpressionKind {
    Text(String),
    Symbol(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Constant(String),
    List(Vec<Expression>),
}

/// Lists inside lists, at most.
const DEPTH: usize = 64;

const KEYWORDS: &[&str] = &[
    "if",
    "unless",
    "while",
    "until",
    "for",
    "case",
    "begin",
    "def",
    "class",
    "module",
    "do",
    "return",
    "require",
    "require_relative",
    "load",
    "include",
    "extend",
    "puts",
    "p",
    "print",
    "raise",
    "rescue",
    "ensure",
    "when",
    "then",
    "not",
    "and",
    "or",
    "alias",
    "yield",
    "self",
];

/// Words that are closed by `end`.
const BLOCKS: &[&str] = &["if", "unless", "while", "until", "for", "case", "begin", "def", "class", "module", "do"];

pub(super) fn statements(source: &Source, lexemes: &[Lexeme], faults: &mut Vec<Fault>) -> Vec<Statement> {
    let mut parser = Parser { source, lexemes, next: 0, faults, blocks: 0, at_next_statement: false };
    let mut statements = Vec::new();
    while !parser.at_end_of_file() {
        if parser.eat(&Token::End) {
            continue;
        }
        let first = parser.next;
        match parser.statement() {
            Ok(statement) => statements.push(statement),
            Err(Skip) => parser.skip_statement(first),
        }
    }
    statements
}

/// A fault was recorded; the rest of the statement says nothing.
struct Skip;

struct Parser<'p> {
    source: &'p Source,
    lexemes: &'p [Lexeme],
    next: usize,
    faults: &'p mut Vec<Fault>,
    /// Blocks that were recorded as faults and are still to be closed by `end`.
    blocks: usize,
    /// Whether the next statement was already found by what ended the one before too early.
    at_next_statement: bool,
}

impl<'p> Parser<'p> {
    fn peek(&self) -> Option<&'p Token> {
        self.lexemes.get(self.next).map(|lexeme| &lexeme.token)
    }

    fn place(&self) -> usize {
        self.lexemes.get(self.next).map_or(self.source.text().len(), |lexeme| lexeme.at)
    }

    fn spaced(&self) -> bool {
        self.lexemes.get(self.next).is_none_or(|lexeme| lexeme.spaced)
    }

    fn at_end_of_file(&self) -> bool {
        self.next >= self.lexemes.len()
    }

    fn eat(&mut self, token: &Token) -> bool {
        let eaten = self.peek() == Some(token);
        self.next += usize::from(eaten);
        eaten
    }

    fn statement(&mut self) -> Result<Statement, Skip> {
        let at = self.place();
        let name = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Constant(name)) => {
                self.next += 1;
                let construct = match self.peek() {
                    Some(Token::Mark('[')) => Construct::Doing(format!("{name}[...]")),
                    Some(Token::Operator(operator)) if operator == "=" => Construct::LocalVariable(name.clone()),
                    Some(Token::Operator(operator)) if operator == "." => Construct::Doing(self.call(name)),
                    Some(_) | None => Construct::Doing(name.clone()),
                };
                return Err(self.foreign(at, &construct));
            }
            Some(Token::Foreign(construct)) => return Err(self.foreign(at, construct)),
            Some(_) | None => {
                return Err(self.fault(at, "expected the name of a setting".to_owned(), "a line is `setting value`"));
            }
        };
        self.next += 1;
        if self.blocks > 0 && matches!(name.as_str(), "end" | "else" | "elsif" | "when" | "rescue" | "ensure") {
            self.blocks -= usize::from(name == "end");
            return Err(Skip);
        }
        if name == "end" {
            return Err(self.fault(at, "`end` closes nothing".to_owned(), "remove it"));
        }
        if KEYWORDS.contains(&name.as_str()) {
            return Err(self.foreign(at, &Construct::Keyword(name)));
        }
        match self.peek() {
            None | Some(Token::End) => {
                let message = format!("setting `{name}` has no value");
                return Err(self.fault(at, message, format!("write `{name} VALUE`")));
            }
            Some(Token::Operator(operator)) => {
                let construct = match operator.as_str() {
                    "=" if KNOWN.iter().any(|known| known.name == name) => Construct::Assignment(name),
                    "=" => Construct::LocalVariable(name),
                    "." | "&." => Construct::Doing(self.call(&name)),
                    _ => Construct::Changing(operator.clone()),
                };
                return Err(self.foreign(at, &construct));
            }
            Some(Token::Mark('[')) if !self.spaced() => {
                return Err(self.foreign(at, &Construct::Doing(format!("{name}[...]"))));
            }
            Some(_) => {}
        }
        let parentheses = !self.spaced() && self.eat(&Token::Mark('('));
        let argument = self.expression(DEPTH, parentheses)?;
        if parentheses {
            self.skip_lines();
            if self.at_end_of_file() {
                return Err(self.fault(at, format!("the parentheses of `{name}` do not end"), "close them with `)`"));
            }
            if !self.eat(&Token::Mark(')')) {
                return Err(self.unexpected("`)`"));
            }
        }
        match self.peek() {
            None | Some(Token::End) => Ok(Statement { name, at, argument }),
            Some(_) => Err(self.unexpected("the end of the line")),
        }
    }

    /// One value. `inside` brackets, line ends do not count.
    fn expression(&mut self, depth: usize, inside: bool) -> Result<Expression, Skip> {
        if inside {
            self.skip_lines();
        }
        let at = self.place();
        let kind = match self.peek() {
            Some(Token::Text(text)) => ExpressionKind::Text(text.clone()),
            Some(Token::Symbol(name)) => ExpressionKind::Symbol(name.clone()),
            Some(Token::Integer(number)) => ExpressionKind::Integer(*number),
            Some(Token::Float(number)) => ExpressionKind::Float(*number),
            Some(Token::Word(word)) if word == "true" => ExpressionKind::Bool(true),
            Some(Token::Word(word)) if word == "false" => ExpressionKind::Bool(false),
            Some(Token::Word(word)) if word == "nil" => ExpressionKind::Nil,
            Some(Token::Mark('[')) => {
                self.next += 1;
                return self.list(at, depth);
            }
            Some(Token::Constant(name)) => {
                self.next += 1;
                let construct = match self.peek() {
                    Some(Token::Operator(operator)) if operator == "." => Construct::Call(self.call(name)),
                    Some(Token::Mark('[')) if !self.spaced() => Construct::Index(name.clone()),
                    Some(_) | None => return Ok(Expression { kind: ExpressionKind::Constant(name.clone()), at }),
                };
                return Err(self.foreign(at, &construct));
            }
            Some(_) | None => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(Expression { kind, at })
    }

    fn list(&mut self, at: usize, depth: usize) -> Result<Expression, Skip> {
        if depth == 0 {
            return Err(self.fault(at, format!("lists lie more than {DEPTH} deep in each other"), "write a flat list"));
        }
        let mut items = Vec::new();
        loop {
            self.skip_lines();
            if self.eat(&Token::Mark(']')) {
                return Ok(Expression { kind: ExpressionKind::List(items), at });
            }
            if self.at_end_of_file() || self.begins_a_setting() {
                self.at_next_statement = true;
                return Err(self.fault(at, "this list does not end".to_owned(), "close it with `]`"));
            }
            items.push(self.expression(depth - 1, true)?);
            self.skip_lines();
            let ends = self.at_end_of_file() || self.begins_a_setting() || self.peek() == Some(&Token::Mark(']'));
            if !self.eat(&Token::Mark(',')) && !ends {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    /// Whether a line begins here with a word that is no value: what came before was not closed.
    fn begins_a_setting(&self) -> bool {
        let first = self.next.checked_sub(1).and_then(|before| self.lexemes.get(before));
        first.is_some_and(|lexeme| lexeme.token == Token::End)
            && matches!(self.peek(), Some(Token::Word(word)) if !matches!(word.as_str(), "true" | "false" | "nil"))
    }

    fn skip_lines(&mut self) {
        while self.eat(&Token::End) {}
    }

    /// The name of a call whose receiver was just read: `File.join`.
    fn call(&self, receiver: &str) -> String {
        let method = match self.lexemes.get(self.next + 1).map(|lexeme| &lexeme.token) {
            Some(Token::Word(word) | Token::Constant(word)) => word.as_str(),
            Some(_) | None => "...",
        };
        format!("{receiver}.{method}")
    }

    fn unexpected(&mut self, wanted: &str) -> Skip {
        let at = self.place();
        let construct = match self.peek() {
            Some(Token::Foreign(construct)) => construct.clone(),
            Some(Token::Mark('{')) => Construct::Hash,
            Some(Token::Mark(',')) => Construct::SeveralValues,
            Some(Token::Operator(operator)) if operator == "." || operator == "&." => Construct::Call(self.call("")),
            Some(Token::Operator(operator)) if operator == "=>" => Construct::Hash,
            Some(Token::Operator(operator)) => Construct::Operator(operator.clone()),
            Some(Token::Mark('[')) if !self.spaced() => Construct::Index(String::new()),
            Some(Token::Word(_)) if self.is_a_key() => Construct::Hash,
            Some(Token::Word(word)) if matches!(word.as_str(), "if" | "unless") => Construct::Modifier(word.clone()),
            Some(Token::Word(word)) if KEYWORDS.contains(&word.as_str()) => Construct::Keyword(word.clone()),
            Some(Token::Word(word)) if wanted == "a value" => {
                let message = format!("expected a value, found `{word}`");
                return self.fault(
                    at,
                    message,
                    format!("text is written in quotes (`\"{word}\"`), a symbol as `:{word}`"),
                );
            }
            found => {
                let found = found.map_or("the end of the file".to_owned(), shown);
                let hint = match wanted {
                    "`,` or `]`" => "put a comma between one element and the next",
                    _ => "a line is `setting value`",
                };
                return self.fault(at, format!("expected {wanted}, found {found}"), hint);
            }
        };
        self.foreign(at, &construct)
    }

    /// Whether this word is the key of a hash without braces: `key: value`.
    fn is_a_key(&self) -> bool {
        let after = self.lexemes.get(self.next + 1);
        after.is_some_and(|lexeme| !lexeme.spaced && matches!(&lexeme.token, Token::Operator(word) if word == ":"))
    }

    fn foreign(&mut self, at: usize, construct: &Construct) -> Skip {
        self.fault(at, format!("{construct} is Ruby that brasa does not read"), construct.cure())
    }

    fn fault(&mut self, at: usize, message: String, hint: impl Into<String>) -> Skip {
        self.faults.push(self.source.fault(at, message).hint(hint));
        Skip
    }

    /// Goes to the end of the statement that began with token `first`: of its line, or of the line in which its last bracket
    /// is closed.
    fn skip_statement(&mut self, first: usize) {
        if std::mem::take(&mut self.at_next_statement) {
            return;
        }
        let mut depth = 0_usize;
        let mut index = first;
        while let Some(lexeme) = self.lexemes.get(index) {
            match &lexeme.token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
                Token::Word(word) if BLOCKS.contains(&word.as_str()) => {
                    // After a value `if` and its like are modifiers, without an `end`.
                    self.blocks += usize::from(index == first || word == "do");
                }
                Token::End if depth == 0 && index >= self.next => break,
                Token::End
                | Token::Word(_)
                | Token::Constant(_)
                | Token::Symbol(_)
                | Token::Text(_)
                | Token::Integer(_)
                | Token::Float(_)
                | Token::Mark(_)
                | Token::Operator(_)
                | Token::Foreign(_) => {}
            }
            index += 1;
        }
        self.next = index;
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) | Token::Constant(word) => format!("`{word}`"),
        Token::Symbol(name) => format!("`:{name}`"),
        Token::Text(_) => "text".to_owned(),
        Token::Integer(_) | Token::Float(_) => "a number".to_owned(),
        Token::Mark(mark) => format!("`{mark}`"),
        Token::Operator(operator) => format!("`{operator}`"),
        Token::End => "the end of the line".to_owned(),
        Token::Foreign(construct) => construct.to_string(),
    }
}
