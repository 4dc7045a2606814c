//! One expression: operators, calls, values.
use super::{
    construct::Construct,
    lexer::{Lexeme, Token},
    parser::{KEYWORDS, Parser, Skip},
    syntax::{Binary, Block, Call, Expression, How, Kind},
};

/// Words after which no argument begins.
const NO_ARGUMENT: &[&str] = &[
    "if", "unless", "while", "until", "and", "or", "then", "do", "rescue", "end", "else", "elsif", "when", "in",
    "ensure",
];

impl<'p> Parser<'p> {
    /// An assignment, a choice, or anything that binds tighter.
    pub(super) fn expression(&mut self) -> Result<Expression, Skip> {
        self.deeper(Self::assignment)
    }

    fn assignment(&mut self) -> Result<Expression, Skip> {
        let left = self.either(0)?;
        let at = left.at;
        let Some(Token::Operator(operator)) = self.peek() else { return Ok(left) };
        let how = match *operator {
            "?" => return self.choice(left),
            "=" => How::Plain,
            "||=" => How::Or,
            "&&=" => How::And,
            other => match other.strip_suffix('=').and_then(Binary::named) {
                Some(binary) if !matches!(other, "<=" | ">=" | "==" | "!=") => How::By(binary),
                Some(_) | None => return Ok(left),
            },
        };
        let Some(target) = self.target(&left) else { return Err(self.unexpected("the end of the line")) };
        self.next += 1;
        self.skip_lines();
        let mut value = self.expression()?;
        if self.eat_word("rescue") {
            self.expression()?;
        }
        if self.peek() == Some(&Token::Mark(',')) && how == How::Plain && self.ends_the_line() {
            let first = value.at;
            let mut items = vec![value];
            while self.eat(&Token::Mark(',')) {
                self.skip_lines();
                items.push(self.expression()?);
            }
            let inner = tallest(&items);
            value = self.node(Kind::List(items), first, inner)?;
        }
        let inner = left.height.max(value.height);
        self.node(Kind::Assign(target, how, Box::new(value)), at, inner)
    }

    /// Whether the brackets of this statement are all closed: a comma then is none between arguments.
    fn ends_the_line(&self) -> bool {
        let mut depth = 0_i64;
        for lexeme in self.lexemes.iter().skip(self.next).take(1000) {
            match lexeme.token {
                Token::Mark('(' | '[' | '{') => depth += 1,
                Token::Mark(')' | ']' | '}') => depth -= 1,
                Token::End if depth == 0 => return true,
                _ => {}
            }
            if depth < 0 {
                return false;
            }
        }
        depth == 0
    }

    fn choice(&mut self, condition: Expression) -> Result<Expression, Skip> {
        self.next += 1;
        self.skip_lines();
        let yes = self.expression()?;
        self.skip_lines();
        if !self.eat(&Token::Operator(":")) {
            return Err(self.unexpected("`:`"));
        }
        self.skip_lines();
        let no = self.expression()?;
        let (at, inner) = (condition.at, condition.height.max(yes.height).max(no.height));
        self.node(Kind::Choose(vec![(condition, vec![yes])], vec![no]), at, inner)
    }

    /// Operators that bind at least as tightly as `least`.
    fn either(&mut self, least: u8) -> Result<Expression, Skip> {
        let mut left = self.unary()?;
        while let Some(Token::Operator(sign)) = self.peek() {
            let binary = Binary::named(sign);
            let weight = match (*sign, binary) {
                ("||", _) => 2,
                ("&&", _) => 3,
                ("..", _) | ("...", _) => 1,
                ("===" | "<=>", _) => 5,
                (">>", _) => 9,
                ("**", _) => 12,
                (_, Some(binary)) => binary.weight(),
                (_, None) => break,
            };
            if weight < least.max(1) {
                break;
            }
            let (operator_at, at) = (self.place(), left.at);
            self.next += 1;
            self.skip_lines();
            let right = self.deeper(|parser| parser.either(weight + 1))?;
            let inner = left.height.max(right.height);
            left = match (*sign, binary) {
                ("||", _) => self.node(Kind::Or(Box::new(left), Box::new(right)), at, inner)?,
                ("&&", _) => self.node(Kind::And(Box::new(left), Box::new(right)), at, inner)?,
                (_, Some(binary)) => self.node(Kind::Binary(binary, Box::new(left), Box::new(right)), at, inner)?,
                (sign, None) => self.node(Kind::Foreign(Construct::Operator(sign.to_owned())), operator_at, 0)?,
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Skip> {
        let at = self.place();
        let Some(Token::Operator(sign)) = self.peek() else { return self.postfix() };
        match *sign {
            "!" => {
                self.next += 1;
                let negated = self.deeper(Self::unary)?;
                let inner = negated.height;
                self.node(Kind::Not(Box::new(negated)), at, inner)
            }
            "-" => {
                self.next += 1;
                let number = self.deeper(Self::unary)?;
                let inner = number.height;
                let zero = self.node(Kind::Integer(0), at, 0)?;
                self.node(Kind::Binary(Binary::Subtract, Box::new(zero), Box::new(number)), at, inner)
            }
            "::" => {
                self.next += 1;
                self.postfix()
            }
            "->" => {
                self.next += 1;
                Err(self.foreign(at, &Construct::Lambda("->".to_owned())))
            }
            _ => self.postfix(),
        }
    }

    /// A value and what is called on it.
    fn postfix(&mut self) -> Result<Expression, Skip> {
        let mut value = self.primary()?;
        loop {
            let at = value.at;
            match self.peek() {
                Some(Token::Mark('[')) if !self.spaced(0) || self.is_local(&value) => {
                    self.next += 1;
                    let mut inner = value.height;
                    let keys = self.arguments(']', &mut inner)?;
                    value = self.node(Kind::Index(Box::new(value), keys), at, inner)?;
                }
                Some(Token::Operator("." | "&.")) => value = self.method(value)?,
                Some(Token::Operator("::")) if matches!(self.ahead(1), Some(Token::Word(_))) => {
                    value = self.method(value)?
                }
                // A chain that goes on in the next line.
                Some(Token::End) if self.goes_on_below() => {
                    self.skip_lines();
                    value = self.method(value)?;
                }
                Some(_) | None => return Ok(value),
            }
        }
    }

    fn is_local(&self, value: &Expression) -> bool {
        matches!(&value.kind, Kind::Name(name) if self.locals.contains(name))
    }

    fn goes_on_below(&self) -> bool {
        let below = self.lexemes[self.next..].iter().find(|lexeme| lexeme.token != Token::End);
        matches!(below, Some(Lexeme { token: Token::Operator("." | "&."), .. }))
    }

    /// `.name`, with its arguments and block.
    fn method(&mut self, receiver: Expression) -> Result<Expression, Skip> {
        let safe = self.peek() == Some(&Token::Operator("&."));
        self.next += 1;
        self.skip_lines();
        let at = self.place();
        let name = match self.peek() {
            Some(Token::Word(word) | Token::Constant(word)) => word.clone(),
            Some(_) | None => return Err(self.unexpected("the name of a method")),
        };
        self.next += 1;
        self.call(Some(receiver), safe, name, at)
    }

    /// A call whose name was just eaten.
    fn call(&mut self, receiver: Option<Expression>, safe: bool, name: String, at: usize) -> Result<Expression, Skip> {
        let mut inner = receiver.as_ref().map_or(0, |receiver| receiver.height);
        let mut arguments = if self.peek() == Some(&Token::Mark('(')) && !self.spaced(0) {
            self.next += 1;
            self.arguments(')', &mut inner)?
        } else if self.begins_an_argument() {
            self.plain_arguments(&mut inner)?
        } else {
            Vec::new()
        };
        let mut block = self.call_block(&mut inner)?;
        if block.is_none()
            && let Some(Expression { kind: Kind::Call(call), .. }) = arguments.last()
            && call.name == "&"
        {
            block = call.block.clone();
            arguments.pop();
        }
        let begin = receiver.as_ref().map_or(at, |receiver| receiver.at);
        self.node(Kind::Call(Box::new(Call { receiver, safe, name, at, arguments, block })), begin, inner)
    }

    /// Whether an argument without parentheses begins here.
    fn begins_an_argument(&self) -> bool {
        if !self.spaced(0) {
            return false;
        }
        match self.peek() {
            None | Some(Token::End | Token::Mark(')' | ']' | '{' | '}' | ',')) => false,
            Some(Token::Word(word)) => !NO_ARGUMENT.contains(&word.as_str()),
            Some(Token::Operator(operator)) => {
                *operator == "->" || matches!(*operator, "!" | "::" | "*" | "&" | "-") && !self.spaced(1)
            }
            Some(
                Token::Constant(_)
                | Token::Global(_)
                | Token::Symbol(_)
                | Token::Symbols(_)
                | Token::Text(_)
                | Token::Template(_)
                | Token::Words(_)
                | Token::Pattern(_)
                | Token::Integer(_)
                | Token::Float(_)
                | Token::Mark(_)
                | Token::Foreign(_),
            ) => true,
        }
    }

    fn plain_arguments(&mut self, inner: &mut usize) -> Result<Vec<Expression>, Skip> {
        self.deeper(|parser| {
            let (mut arguments, mut pairs) = (Vec::new(), Vec::new());
            loop {
                parser.argument(&mut arguments, &mut pairs, inner)?;
                let comma = parser.place();
                if !parser.eat(&Token::Mark(',')) {
                    break;
                }
                parser.skip_lines();
                if parser.begins_a_setting() {
                    parser.at_next_statement = true;
                    let message = "behind this comma the next line goes on with the value".to_owned();
                    return Err(parser.fault(comma, message, "remove it"));
                }
            }
            parser.with_pairs(arguments, pairs)
        })
    }

    /// What stands in brackets, whose opening one was just eaten.
    fn arguments(&mut self, close: char, inner: &mut usize) -> Result<Vec<Expression>, Skip> {
        let open = self.lexemes.get(self.next - 1).map_or(0, |lexeme| lexeme.at);
        self.deeper(|parser| {
            let (mut arguments, mut pairs) = (Vec::new(), Vec::new());
            loop {
                parser.skip_lines();
                if parser.eat(&Token::Mark(close)) {
                    return parser.with_pairs(arguments, pairs);
                }
                if parser.at_end_of_file() || parser.begins_a_setting() {
                    parser.at_next_statement = true;
                    let what = match close {
                        ']' => "this list does not end",
                        '}' => "this hash does not end",
                        _ => "these parentheses do not end",
                    };
                    return Err(parser.fault(open, what.to_owned(), format!("close it with `{close}`")));
                }
                parser.argument(&mut arguments, &mut pairs, inner)?;
                parser.skip_lines();
                let ends =
                    parser.at_end_of_file() || parser.begins_a_setting() || parser.peek() == Some(&Token::Mark(close));
                if !parser.eat(&Token::Mark(',')) && !ends {
                    return Err(parser.unexpected(match close {
                        ']' => "`,` or `]`",
                        '}' => "`,` or `}`",
                        _ => "`,` or `)`",
                    }));
                }
            }
        })
    }

    fn with_pairs(
        &mut self,
        mut arguments: Vec<Expression>,
        pairs: Vec<(Expression, Expression)>,
    ) -> Result<Vec<Expression>, Skip> {
        if let Some((first, _)) = pairs.first() {
            let (at, inner) = (first.at, pairs.iter().map(|(key, value)| key.height.max(value.height)).max());
            arguments.push(self.node(Kind::Hash(pairs), at, inner.unwrap_or_default())?);
        }
        Ok(arguments)
    }

    /// `value`, `key: value`, `key => value`, `*list`, `&:name`.
    fn argument(
        &mut self,
        arguments: &mut Vec<Expression>,
        pairs: &mut Vec<(Expression, Expression)>,
        inner: &mut usize,
    ) -> Result<(), Skip> {
        let at = self.place();
        let label = matches!(self.ahead(1), Some(Token::Operator(":"))) && !self.spaced(1);
        let key = match self.peek() {
            Some(Token::Word(word) | Token::Constant(word) | Token::Text(word)) if label => {
                self.next += 2;
                Some(self.node(Kind::Symbol(word.clone()), at, 0)?)
            }
            Some(Token::Operator("*")) => {
                self.next += 1;
                let list = self.expression()?;
                *inner = (*inner).max(list.height + 1);
                let height = list.height;
                arguments.push(self.node(Kind::Splat(Box::new(list)), at, height)?);
                return Ok(());
            }
            Some(Token::Operator("&")) => {
                self.next += 1;
                let Some(Token::Symbol(name)) = self.peek() else { return Err(self.unexpected("`:name`")) };
                self.next += 1;
                let block = Some(Block::Method(name.clone()));
                let call = Call { receiver: None, safe: false, name: "&".into(), at, arguments: Vec::new(), block };
                arguments.push(self.node(Kind::Call(Box::new(call)), at, 0)?);
                return Ok(());
            }
            Some(_) | None => None,
        };
        let first = match key {
            Some(key) => key,
            None => {
                let value = self.expression()?;
                *inner = (*inner).max(value.height);
                if !self.eat(&Token::Operator("=>")) {
                    arguments.push(value);
                    return Ok(());
                }
                value
            }
        };
        self.skip_lines();
        let value = self.expression()?;
        *inner = (*inner).max(value.height + 1).max(first.height + 1);
        pairs.push((first, value));
        Ok(())
    }

    fn primary(&mut self) -> Result<Expression, Skip> {
        let at = self.place();
        let Some(token) = self.peek() else { return Err(self.unexpected("a value")) };
        let mut inner = 0;
        let kind = match token {
            Token::Text(text) => {
                self.next += 1;
                Kind::Text(text.clone())
            }
            Token::Template(parts) => {
                self.next += 1;
                Kind::Template(self.pieces(parts, &mut inner)?)
            }
            Token::Words(words) => {
                self.next += 1;
                let mut items = Vec::new();
                for word in words {
                    let pieces = self.pieces(word, &mut inner)?;
                    items.push(self.node(Kind::Template(pieces), at, inner)?);
                }
                inner += 1;
                Kind::List(items)
            }
            Token::Symbols(names) => {
                self.next += 1;
                let items = names.iter().map(|name| Expression { kind: Kind::Symbol(name.clone()), at, height: 1 });
                inner = 1;
                Kind::List(items.collect())
            }
            Token::Symbol(name) => self.eaten(Kind::Symbol(name.clone())),
            Token::Integer(number) => self.eaten(Kind::Integer(*number)),
            Token::Float(number) => self.eaten(Kind::Float(*number)),
            Token::Pattern(pattern) => self.eaten(Kind::Pattern(pattern.clone())),
            Token::Global(name) => self.eaten(Kind::Global(name.clone())),
            Token::Foreign(construct) => self.eaten(Kind::Foreign(construct.clone())),
            Token::Constant(name) => {
                self.next += 1;
                if self.peek() == Some(&Token::Mark('(')) && !self.spaced(0) {
                    return self.call(None, false, name.clone(), at);
                }
                Kind::Constant(name.clone())
            }
            Token::Mark('[') => {
                self.next += 1;
                Kind::List(self.arguments(']', &mut inner)?)
            }
            Token::Mark('{') => {
                self.next += 1;
                let mut items = self.arguments('}', &mut inner)?;
                return match (items.pop(), items.is_empty()) {
                    (None, _) => self.node(Kind::Hash(Vec::new()), at, 0),
                    (Some(Expression { kind: Kind::Hash(pairs), .. }), true) => self.node(Kind::Hash(pairs), at, inner),
                    (Some(item), _) => {
                        Err(self.fault(item.at, "a hash holds pairs".to_owned(), "write `{ key => value }`"))
                    }
                };
            }
            Token::Mark('(') => {
                self.next += 1;
                return self.parentheses(at);
            }
            Token::Word(word) => return self.word(word, at),
            Token::Operator(_) | Token::Mark(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.node(kind, at, inner)
    }

    fn eaten(&mut self, kind: Kind) -> Kind {
        self.next += 1;
        kind
    }

    fn parentheses(&mut self, at: usize) -> Result<Expression, Skip> {
        self.deeper(|parser| {
            let mut body = Vec::new();
            let faults = parser.faults();
            parser.body(true, &mut body);
            if !parser.eat(&Token::Mark(')')) {
                if parser.faults() > faults {
                    // What is wrong inside has hidden the end.
                    return Err(Skip);
                }
                parser.at_next_statement = parser.at_end_of_file();
                return Err(parser.fault(at, "these parentheses do not end".to_owned(), "close them with `)`"));
            }
            let inner = tallest(&body);
            parser.node(Kind::Sequence(body), at, inner)
        })
    }

    fn word(&mut self, word: &str, at: usize) -> Result<Expression, Skip> {
        let kind = match word {
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nil" => Kind::Nil,
            "self" => Kind::Itself,
            "__FILE__" => Kind::File,
            "__dir__" => Kind::Directory,
            "__LINE__" => Kind::Line,
            "if" | "unless" | "case" | "begin" | "while" | "until" | "for" | "def" | "class" | "module" => {
                self.next += 1;
                return self.block_of(word, at);
            }
            "lambda" | "proc" => return Err(self.foreign(at, &Construct::Lambda(word.to_owned()))),
            "return" | "break" | "next" | "yield" | "super" | "alias" | "undef" | "retry" | "redo" => {
                return Err(self.foreign(at, &Construct::Keyword(word.to_owned())));
            }
            _ if KEYWORDS.contains(&word) => return Err(self.unexpected("a value")),
            _ => {
                self.next += 1;
                let called = self.peek() == Some(&Token::Mark('(')) && !self.spaced(0);
                // Behind a variable `[`, `-` and the like are operators; text can only be an argument.
                let plain = !matches!(self.peek(), Some(Token::Mark(_) | Token::Operator(_)));
                if called || self.begins_an_argument() && (plain || !self.locals.contains(word)) {
                    return self.call(None, false, word.to_owned(), at);
                }
                return self.node(Kind::Name(word.to_owned()), at, 0);
            }
        };
        self.next += 1;
        self.node(kind, at, 0)
    }
}

fn tallest(expressions: &[Expression]) -> usize {
    expressions.iter().map(|expression| expression.height).max().unwrap_or_default()
}
