//! Tokens into statements and blocks. At what is no Ruby a fault is recorded, and reading goes on at the next line; Ruby that
//! is not read becomes [`Kind::Foreign`], a fault only where it would have counted.
use std::collections::BTreeSet;

use super::{
    construct::Construct,
    known::KNOWN,
    lexer::{Lexeme, Token},
    syntax::{Block, Call, Expression, Kind, Piece, Target},
};
use crate::{Fault, error::ENOUGH_SETTINGS, node::source::Source};

/// Steps down into brackets, blocks and texts, at most; a list takes two.
const DEPTH: usize = 150;
/// Expressions inside each other, at most: a chain of calls or operators counts too.
const HEIGHT: usize = 160;
/// Faults after which reading stops.
pub(super) const MOST_FAULTS: usize = ENOUGH_SETTINGS;

/// Words that are no names.
pub(super) const KEYWORDS: &[&str] = &[
    "if", "unless", "while", "until", "for", "case", "begin", "def", "class", "module", "do", "return", "rescue",
    "ensure", "end", "else", "elsif", "when", "then", "and", "or", "not", "in", "break", "next", "redo", "retry",
    "yield", "super", "undef", "alias", "BEGIN", "END", "lambda", "proc",
];

/// Words that begin something that `end` closes.
const BLOCKS: &[&str] = &["if", "unless", "while", "until", "for", "case", "begin", "def", "class", "module", "do"];

/// Words that end a body.
const ENDS: &[&str] = &["end", "else", "elsif", "when", "rescue", "ensure"];

/// Reads as many statements as can be read.
pub(super) fn statements(source: &Source, lexemes: &[Lexeme], faults: &mut Vec<Fault>) -> Vec<Expression> {
    let mut parser = Parser {
        source,
        lexemes,
        next: 0,
        faults,
        blocks: 0,
        at_next_statement: false,
        depth: 0,
        too_deep: false,
        locals: BTreeSet::new(),
    };
    let mut statements = Vec::new();
    while !parser.at_end_of_file() && parser.faults.len() < MOST_FAULTS {
        parser.body(false, &mut statements);
        if parser.at_end_of_file() {
            break;
        }
        // A word or a brace that ends a body, where there is none.
        let at = parser.place();
        match parser.peek() {
            Some(Token::Word(word)) => {
                let message = format!("`{word}` closes nothing");
                parser.fault(at, message, "remove it");
            }
            Some(_) | None => {
                parser.unexpected("the name of a setting");
            }
        }
        let first = parser.next;
        parser.next += 1;
        parser.skip_statement(first);
    }
    statements
}

/// A fault was recorded; the rest of the statement says nothing.
#[derive(Debug)]
pub(super) struct Skip;

pub(super) struct Parser<'p> {
    pub(super) source: &'p Source,
    pub(super) lexemes: &'p [Lexeme],
    pub(super) next: usize,
    faults: &'p mut Vec<Fault>,
    /// Blocks that were recorded as faults and are still to be closed by `end`.
    blocks: usize,
    /// Whether the next statement was already found by what ended the one before too early.
    pub(super) at_next_statement: bool,
    depth: usize,
    /// Whether what is being read was given up for its depth: nothing inside it is read on.
    too_deep: bool,
    /// Variables that were set so far: `name [1]` looks something up in one, and gives a list to anything else.
    pub(super) locals: BTreeSet<String>,
}

impl<'p> Parser<'p> {
    pub(super) fn peek(&self) -> Option<&'p Token> {
        self.ahead(0)
    }

    pub(super) fn ahead(&self, count: usize) -> Option<&'p Token> {
        self.lexemes.get(self.next + count).map(|lexeme| &lexeme.token)
    }

    pub(super) fn place(&self) -> usize {
        self.lexemes.get(self.next).map_or(self.source.text().len(), |lexeme| lexeme.at)
    }

    /// Whether white space stands before the token so many ahead.
    pub(super) fn spaced(&self, ahead: usize) -> bool {
        self.lexemes.get(self.next + ahead).is_none_or(|lexeme| lexeme.spaced)
    }

    pub(super) fn at_end_of_file(&self) -> bool {
        self.next >= self.lexemes.len()
    }

    pub(super) fn eat(&mut self, token: &Token) -> bool {
        let eaten = self.peek() == Some(token);
        self.next += usize::from(eaten);
        eaten
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let eaten = self.is_word(word);
        self.next += usize::from(eaten);
        eaten
    }

    /// How many faults there are so far.
    pub(super) fn faults(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn skip_lines(&mut self) {
        while self.eat(&Token::End) {}
    }

    /// Makes an expression around others that are `inner` high.
    pub(super) fn node(&mut self, kind: Kind, at: usize, inner: usize) -> Result<Expression, Skip> {
        if inner >= HEIGHT {
            let message = format!("more than {HEIGHT} calls, operators and brackets lie in each other");
            return Err(self.fault(at, message, "set a variable in a line of its own, and go on with it"));
        }
        Ok(Expression { kind, at, height: inner + 1 })
    }

    /// Reads something that may lie in something of its own kind.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Skip>) -> Result<T, Skip> {
        if self.depth >= DEPTH {
            let at = self.place();
            self.too_deep = true;
            let message = "brackets or blocks lie too deep in each other".to_owned();
            return Err(self.fault(at, message, "write a flat list, or set a variable in a line of its own"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        self.too_deep &= self.depth > 0;
        read
    }

    /// Statements up to what ends them: `end` and its like, `}` in `braces`, the end of the file.
    pub(super) fn body(&mut self, braces: bool, statements: &mut Vec<Expression>) {
        while self.faults.len() < MOST_FAULTS {
            if self.eat(&Token::End) {
                continue;
            }
            match self.peek() {
                None => return,
                Some(Token::Mark('}' | ')')) if braces => return,
                Some(Token::Word(word)) if ENDS.contains(&word.as_str()) => {
                    if self.blocks == 0 {
                        return;
                    }
                    self.blocks -= usize::from(word == "end");
                    self.next += 1;
                    let first = self.next;
                    self.skip_statement(first);
                    continue;
                }
                Some(_) => {}
            }
            let first = self.next;
            match self.statement(braces) {
                Ok(statement) => statements.push(statement),
                Err(Skip) if self.too_deep => return,
                Err(Skip) => {
                    let (kind, at) = (Kind::Spoilt(self.names(first)), self.lexemes[first].at);
                    statements.push(Expression { kind, at, height: 1 });
                    self.skip_statement(first);
                }
            }
        }
        self.next = self.lexemes.len();
    }

    /// The names that a statement begins with: what it sets.
    fn names(&self, first: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut tokens = self.lexemes[first..].iter().map(|lexeme| &lexeme.token);
        while let Some(Token::Word(name) | Token::Global(name) | Token::Constant(name)) = tokens.next() {
            let next = tokens.next();
            if !name.starts_with(char::is_uppercase) || next == Some(&Token::Operator("=")) {
                names.push(name.clone());
            }
            if next != Some(&Token::Mark(',')) {
                break;
            }
        }
        names
    }

    fn statement(&mut self, braces: bool) -> Result<Expression, Skip> {
        let mut statement = self.with_words()?;
        loop {
            let at = self.place();
            match self.peek() {
                None | Some(Token::End) => return Ok(statement),
                Some(Token::Mark('}' | ')')) if braces => return Ok(statement),
                Some(Token::Word(word)) => match word.as_str() {
                    "if" | "unless" => {
                        self.next += 1;
                        let condition = self.with_words()?;
                        let inner = condition.height.max(statement.height);
                        let unless = word == "unless";
                        statement = self.choose(statement.at, inner, unless, condition, vec![statement], Vec::new())?;
                    }
                    // Nothing that is read here can be rescued from.
                    "rescue" => {
                        self.next += 1;
                        self.with_words()?;
                    }
                    "while" | "until" => {
                        self.next += 1;
                        self.with_words()?;
                        statement = self.node(Kind::Foreign(Construct::Loop(word.clone())), at, 0)?;
                    }
                    "do" if matches!(statement.kind, Kind::Name(_)) => statement = self.with_block(statement)?,
                    _ if ENDS.contains(&word.as_str()) => return Ok(statement),
                    _ => return Err(self.unexpected("the end of the line")),
                },
                Some(_) => return Err(self.unexpected("the end of the line")),
            }
        }
    }

    /// `name do ... end`.
    fn with_block(&mut self, name: Expression) -> Result<Expression, Skip> {
        let (Kind::Name(word), at) = (name.kind, name.at) else { return Err(self.unexpected("the end of the line")) };
        let mut inner = name.height;
        let block = self.call_block(&mut inner)?;
        let call = Call { receiver: None, safe: false, name: word, at, arguments: Vec::new(), block };
        self.node(Kind::Call(Box::new(call)), at, inner)
    }

    fn choose(
        &mut self,
        at: usize,
        inner: usize,
        unless: bool,
        condition: Expression,
        body: Vec<Expression>,
        otherwise: Vec<Expression>,
    ) -> Result<Expression, Skip> {
        let kind = if unless {
            Kind::Choose(vec![(condition, otherwise)], body)
        } else {
            Kind::Choose(vec![(condition, body)], otherwise)
        };
        self.node(kind, at, inner)
    }

    /// An expression with `and`, `or`, `not`.
    pub(super) fn with_words(&mut self) -> Result<Expression, Skip> {
        let mut left = self.with_not()?;
        loop {
            let or = self.is_word("or");
            if !or && !self.is_word("and") {
                return Ok(left);
            }
            self.next += 1;
            self.skip_lines();
            let right = self.with_not()?;
            let (at, inner) = (left.at, left.height.max(right.height));
            let (left_box, right_box) = (Box::new(left), Box::new(right));
            left =
                self.node(if or { Kind::Or(left_box, right_box) } else { Kind::And(left_box, right_box) }, at, inner)?;
        }
    }

    fn with_not(&mut self) -> Result<Expression, Skip> {
        let at = self.place();
        if !self.eat_word("not") {
            return self.expression();
        }
        let negated = self.deeper(Self::with_not)?;
        let inner = negated.height;
        self.node(Kind::Not(Box::new(negated)), at, inner)
    }

    /// What a word that begins a block begins; the word is eaten.
    pub(super) fn block_of(&mut self, word: &str, at: usize) -> Result<Expression, Skip> {
        match word {
            "if" | "unless" => self.conditional(at, word == "unless"),
            "case" => self.case(at),
            "begin" => self.begin(at),
            _ => {
                let construct = match word {
                    "def" | "class" | "module" => Construct::Definition(word.to_owned(), self.defined()),
                    _ => Construct::Loop(word.to_owned()),
                };
                self.past_block(word);
                self.node(Kind::Foreign(construct), at, 0)
            }
        }
    }

    /// What is defined here: `name`, `self.name`, `Name`.
    fn defined(&self) -> Option<String> {
        let on_self = self.is_word("self") && self.ahead(1) == Some(&Token::Operator("."));
        match self.ahead(if on_self { 2 } else { 0 }) {
            Some(Token::Word(name) | Token::Constant(name)) => Some(name.clone()),
            Some(_) | None => None,
        }
    }

    fn conditional(&mut self, at: usize, unless: bool) -> Result<Expression, Skip> {
        let mut branches = Vec::new();
        let mut inner = 0;
        loop {
            let condition = self.with_words()?;
            self.skip_lines();
            self.eat_word("then");
            let body = self.inner_body(&mut inner)?;
            inner = inner.max(condition.height);
            branches.push((condition, body));
            if !self.eat_word("elsif") {
                break;
            }
        }
        let otherwise = if self.eat_word("else") { self.inner_body(&mut inner)? } else { Vec::new() };
        self.end_of(at, if unless { "unless" } else { "if" })?;
        match branches.pop() {
            Some((condition, body)) if unless && branches.is_empty() => {
                self.choose(at, inner, true, condition, body, otherwise)
            }
            last => {
                branches.extend(last);
                self.node(Kind::Choose(branches, otherwise), at, inner)
            }
        }
    }

    fn case(&mut self, at: usize) -> Result<Expression, Skip> {
        let subject = if self.peek() == Some(&Token::End) { None } else { Some(self.with_words()?) };
        let (mut arms, mut inner) = (Vec::new(), subject.as_ref().map_or(0, |subject| subject.height));
        self.skip_lines();
        while self.eat_word("when") {
            let mut values = Vec::new();
            loop {
                let value = self.expression()?;
                inner = inner.max(value.height);
                values.push(value);
                if !self.eat(&Token::Mark(',')) {
                    break;
                }
                self.skip_lines();
            }
            self.skip_lines();
            self.eat_word("then");
            let body = self.inner_body(&mut inner)?;
            arms.push((values, body));
        }
        let otherwise = if self.eat_word("else") { self.inner_body(&mut inner)? } else { Vec::new() };
        self.end_of(at, "case")?;
        let Some(subject) = subject else {
            let mut branches = Vec::new();
            for (values, body) in arms {
                let mut values = values.into_iter();
                let Some(mut any) = values.next() else { continue };
                for value in values {
                    let (at, height) = (any.at, any.height.max(value.height));
                    any = self.node(Kind::Or(Box::new(any), Box::new(value)), at, height)?;
                    inner = inner.max(any.height);
                }
                branches.push((any, body));
            }
            return self.node(Kind::Choose(branches, otherwise), at, inner);
        };
        self.node(Kind::Case(Box::new(subject), arms, otherwise), at, inner)
    }

    /// `begin ... rescue ... ensure ... end`: only a library that is not there fails, so what else rescues is left out.
    fn begin(&mut self, at: usize) -> Result<Expression, Skip> {
        let mut inner = 0;
        let mut body = self.inner_body(&mut inner)?;
        let mut rescue = None;
        while self.eat_word("rescue") {
            let (mut name, mut loading) = (None, false);
            while !matches!(self.peek(), None | Some(Token::End)) && !self.is_word("then") {
                match self.peek() {
                    Some(Token::Constant(class)) => {
                        loading |= matches!(class.as_str(), "LoadError" | "ScriptError" | "Exception");
                    }
                    Some(Token::Word(word)) => name = Some(word.clone()),
                    Some(_) | None => {}
                }
                self.next += 1;
            }
            self.eat_word("then");
            let body = self.inner_body(&mut inner)?;
            if loading && rescue.is_none() {
                rescue = Some((name, body));
            }
        }
        if self.eat_word("else") {
            body.extend(self.inner_body(&mut inner)?);
        }
        let ensure = if self.eat_word("ensure") { self.inner_body(&mut inner)? } else { Vec::new() };
        self.end_of(at, "begin")?;
        let kind = match rescue {
            Some((name, rescue)) => Kind::Rescue { body, name, rescue, ensure },
            None => {
                body.extend(ensure);
                Kind::Sequence(body)
            }
        };
        self.node(kind, at, inner)
    }

    fn inner_body(&mut self, inner: &mut usize) -> Result<Vec<Expression>, Skip> {
        self.deeper(|parser| {
            let mut body = Vec::new();
            // What an outer fault left open is not closed in here.
            let blocks = std::mem::take(&mut parser.blocks);
            parser.body(false, &mut body);
            parser.blocks = blocks;
            *inner = body.iter().map(|statement| statement.height).fold(*inner, usize::max);
            Ok(body)
        })
    }

    fn end_of(&mut self, at: usize, word: &str) -> Result<(), Skip> {
        if self.eat_word("end") {
            return Ok(());
        }
        if self.at_end_of_file() {
            self.at_next_statement = true;
            return Err(self.fault(at, format!("this `{word}` has no `end`"), "close it with `end`"));
        }
        Err(self.unexpected("`end`"))
    }

    /// The block of a call: `{ |a| ... }` or `do |a| ... end`.
    pub(super) fn call_block(&mut self, inner: &mut usize) -> Result<Option<Block>, Skip> {
        let at = self.place();
        let braces = self.eat(&Token::Mark('{'));
        if !braces && !self.eat_word("do") {
            return Ok(None);
        }
        let mut parameters = Vec::new();
        if self.eat(&Token::Operator("|")) {
            while !self.eat(&Token::Operator("|")) {
                match self.peek() {
                    Some(Token::Word(word)) => parameters.push(word.clone()),
                    Some(Token::Mark(',')) if !parameters.is_empty() => {}
                    Some(_) | None => return Err(self.unexpected("the name of a variable")),
                }
                self.next += 1;
            }
        } else {
            self.eat(&Token::Operator("||"));
        }
        let outer = self.locals.clone();
        self.locals.extend(parameters.iter().cloned());
        let body = if braces {
            self.deeper(|parser| {
                let mut body = Vec::new();
                parser.body(true, &mut body);
                Ok(body)
            })
        } else {
            self.inner_body(&mut 0)
        };
        self.locals = outer;
        let body = body?;
        *inner = body.iter().map(|statement| statement.height).fold(*inner, usize::max);
        if braces {
            if !self.eat(&Token::Mark('}')) {
                self.at_next_statement = self.at_end_of_file();
                return Err(self.fault(at, "this block does not end".to_owned(), "close it with `}`"));
            }
        } else {
            self.end_of(at, "do")?;
        }
        Ok(Some(Block::Of(parameters, body)))
    }

    /// The expressions of texts with `#{...}` in them.
    pub(super) fn pieces(&mut self, parts: &'p [super::lexer::Part], inner: &mut usize) -> Result<Vec<Piece>, Skip> {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                super::lexer::Part::Text(text) => pieces.push(Piece::Text(text.clone())),
                super::lexer::Part::Code(lexemes) => {
                    let outer = (std::mem::replace(&mut self.lexemes, lexemes), std::mem::take(&mut self.next));
                    let body = self.deeper(|parser| {
                        let mut body = Vec::new();
                        while !parser.at_end_of_file() {
                            if parser.eat(&Token::End) {
                                continue;
                            }
                            body.push(parser.statement(false)?);
                            if !matches!(parser.peek(), None | Some(Token::End)) {
                                return Err(parser.unexpected("`}`"));
                            }
                        }
                        Ok(body)
                    });
                    (self.lexemes, self.next) = outer;
                    let body = body?;
                    *inner = body.iter().map(|statement| statement.height).fold(*inner, usize::max);
                    pieces.push(Piece::Code(body));
                }
            }
        }
        Ok(pieces)
    }

    /// What an expression on the left of `=` names, if it can stand there.
    pub(super) fn target(&mut self, left: &Expression) -> Option<Target> {
        match &left.kind {
            Kind::Name(name) | Kind::Global(name) => {
                self.locals.insert(name.clone());
                Some(Target::Name(name.clone()))
            }
            Kind::Constant(name) => Some(Target::Constant(name.clone())),
            Kind::Index(receiver, keys) => Some(Target::Index(receiver.clone(), keys.clone())),
            Kind::Call(call) => {
                let Call { receiver: Some(receiver), name, arguments, block: None, .. } = call.as_ref() else {
                    return None;
                };
                arguments.is_empty().then(|| Target::Attribute(Box::new(receiver.clone()), name.clone()))
            }
            _ => None,
        }
    }

    /// Whether a line begins here that sets a setting: what came before was not closed.
    pub(super) fn begins_a_setting(&self) -> bool {
        let first = self.next.checked_sub(1).and_then(|before| self.lexemes.get(before));
        first.is_some_and(|lexeme| lexeme.token == Token::End)
            && matches!(self.peek(), Some(Token::Word(word)) if KNOWN.iter().any(|known| known.name == word))
            && matches!(
                self.ahead(1),
                Some(
                    Token::Word(_)
                        | Token::Constant(_)
                        | Token::Symbol(_)
                        | Token::Text(_)
                        | Token::Template(_)
                        | Token::Integer(_)
                        | Token::Words(_)
                        | Token::Mark('[')
                )
            )
            && self.spaced(1)
    }

    pub(super) fn unexpected(&mut self, wanted: &str) -> Skip {
        let at = self.place();
        let construct = match self.peek() {
            Some(Token::Foreign(construct)) => construct.clone(),
            Some(Token::Mark(',')) if self.sets_several() => Construct::SeveralNames,
            Some(Token::Mark(',')) => Construct::SeveralValues,
            Some(Token::Operator("->")) => Construct::Lambda("->".to_owned()),
            Some(Token::Operator(operator))
                if wanted != "`,` or `]`" && !matches!(*operator, "=" | "." | ":" | "=>") =>
            {
                Construct::Operator((*operator).to_owned())
            }
            Some(Token::Word(word)) if KEYWORDS.contains(&word.as_str()) => Construct::Keyword(word.clone()),
            found => {
                let found = found.map_or("the end of the file".to_owned(), shown);
                let before = self.next.checked_sub(1).and_then(|before| self.lexemes.get(before));
                let hint = match (wanted, before.map(|lexeme| &lexeme.token), self.peek()) {
                    ("`,` or `]`" | "`,` or `)`" | "`,` or `}`", ..) => "put a comma between one element and the next",
                    (_, Some(Token::Text(_) | Token::Template(_)), Some(Token::Text(_) | Token::Template(_))) => {
                        "put texts together with `+`; several of them are a list: `[\"one\", \"two\"]`"
                    }
                    _ => "a line is `setting value`",
                };
                return self.fault(at, format!("expected {wanted}, found {found}"), hint);
            }
        };
        self.foreign(at, &construct)
    }

    /// Whether the words and commas here end in `=`.
    fn sets_several(&self) -> bool {
        let rest = self.lexemes[self.next..].iter().map(|lexeme| &lexeme.token);
        let mut rest = rest.skip_while(|token| matches!(token, Token::Mark(',') | Token::Word(_) | Token::Global(_)));
        rest.next() == Some(&Token::Operator("="))
    }

    pub(super) fn foreign(&mut self, at: usize, construct: &Construct) -> Skip {
        self.fault(at, format!("{construct} is Ruby that brasa does not read"), construct.cure())
    }

    pub(super) fn fault(&mut self, at: usize, message: String, hint: impl Into<String>) -> Skip {
        self.faults.push(self.source.fault(at, message).hint(hint));
        Skip
    }

    /// Goes past the `end` of a block whose first word was just eaten.
    fn past_block(&mut self, word: &str) {
        let mut open = 1_usize;
        let mut loops = matches!(word, "while" | "until" | "for");
        while let Some(token) = self.peek() {
            let before =
                self.next.checked_sub(1).and_then(|before| self.lexemes.get(before)).map(|lexeme| &lexeme.token);
            if let Token::Word(word) = token {
                // After a value `if` and its like are modifiers, without an `end`.
                let first =
                    matches!(before, Some(Token::End | Token::Operator(_) | Token::Mark('(' | '[' | '{')) | None);
                match word.as_str() {
                    "end" => open -= 1,
                    // `while x do` has one `end`.
                    "do" => open += usize::from(!std::mem::take(&mut loops)),
                    block if BLOCKS.contains(&block) && first => {
                        open += 1;
                        loops = matches!(block, "while" | "until" | "for");
                    }
                    _ => {}
                }
            } else if *token == Token::End {
                loops = false;
            }
            self.next += 1;
            if open == 0 {
                return;
            }
        }
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
                Token::Word(word) if word == "end" && index < self.next => self.blocks = self.blocks.saturating_sub(1),
                Token::End if depth == 0 && index >= self.next => break,
                Token::End
                | Token::Word(_)
                | Token::Constant(_)
                | Token::Global(_)
                | Token::Symbol(_)
                | Token::Symbols(_)
                | Token::Pattern(_)
                | Token::Text(_)
                | Token::Template(_)
                | Token::Words(_)
                | Token::Integer(_)
                | Token::Float(_)
                | Token::Mark(_)
                | Token::Operator(_)
                | Token::Foreign(_) => {}
            }
            index += 1;
        }
        self.next = index.max(self.next);
    }
}

pub(super) fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) | Token::Constant(word) | Token::Global(word) => format!("`{word}`"),
        Token::Symbol(name) => format!("`:{name}`"),
        Token::Text(_) | Token::Template(_) => "text".to_owned(),
        Token::Words(_) | Token::Symbols(_) => "a list".to_owned(),
        Token::Pattern(_) => "a regular expression".to_owned(),
        Token::Integer(_) | Token::Float(_) => "a number".to_owned(),
        Token::Mark(mark) => format!("`{mark}`"),
        Token::Operator(operator) => format!("`{operator}`"),
        Token::End => "the end of the line".to_owned(),
        Token::Foreign(construct) => construct.to_string(),
    }
}
