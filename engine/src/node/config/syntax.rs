//! What solo.rb is made of, as the parser reads it.
use super::{construct::Construct, pattern::Pattern};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    pub kind: Kind,
    pub at: usize,
    /// How many expressions lie in each other here: what walks the tree needs as much stack.
    pub height: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Text(String),
    Template(Vec<Piece>),
    Symbol(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Pattern(Pattern),
    /// `self`.
    Itself,
    /// `__FILE__`.
    File,
    /// `__dir__`.
    Directory,
    /// `__LINE__`.
    Line,
    Constant(String),
    Global(String),
    /// A word alone: a variable, or a setting that is read.
    Name(String),
    List(Vec<Expression>),
    Hash(Vec<(Expression, Expression)>),
    /// `*list`.
    Splat(Box<Expression>),
    Call(Box<Call>),
    Index(Box<Expression>, Vec<Expression>),
    Not(Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    /// `if`, `elsif`, `else`, `unless`, `? :`: the first branch whose condition holds.
    Choose(Vec<(Expression, Vec<Expression>)>, Vec<Expression>),
    /// `case` with its `when`s.
    Case(Box<Expression>, Vec<(Vec<Expression>, Vec<Expression>)>, Vec<Expression>),
    /// `( ... )`, `begin ... end`.
    Sequence(Vec<Expression>),
    /// `begin ... rescue LoadError => name ... ensure ... end`.
    Rescue {
        body: Vec<Expression>,
        name: Option<String>,
        rescue: Vec<Expression>,
        ensure: Vec<Expression>,
    },
    Assign(Target, How, Box<Expression>),
    Foreign(Construct),
    /// A line with a fault, which would have set these.
    Spoilt(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Code(Vec<Expression>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub receiver: Option<Expression>,
    /// `&.`.
    pub safe: bool,
    pub name: String,
    /// Where the name stands.
    pub at: usize,
    pub arguments: Vec<Expression>,
    pub block: Option<Block>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// `{ |a| ... }`, `do |a| ... end`.
    Of(Vec<String>, Vec<Expression>),
    /// `&:name`.
    Method(String),
}

/// What is on the left of `=`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Name(String),
    Constant(String),
    /// `x[key]`.
    Index(Box<Expression>, Vec<Expression>),
    /// `x.name`.
    Attribute(Box<Expression>, String),
}

/// How an assignment uses what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `=`.
    Plain,
    /// `||=`.
    Or,
    /// `&&=`.
    And,
    /// `+=` and the like.
    By(Binary),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Union,
    Intersection,
    Append,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Match,
    NoMatch,
}

impl Binary {
    /// As Ruby writes it.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Union => "|",
            Self::Intersection => "&",
            Self::Append => "<<",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Match => "=~",
            Self::NoMatch => "!~",
        }
    }

    /// By its sign.
    pub fn named(sign: &str) -> Option<Self> {
        const ALL: [Binary; 16] = [
            Binary::Add,
            Binary::Subtract,
            Binary::Multiply,
            Binary::Divide,
            Binary::Remainder,
            Binary::Union,
            Binary::Intersection,
            Binary::Append,
            Binary::Equal,
            Binary::Unequal,
            Binary::Less,
            Binary::LessOrEqual,
            Binary::Greater,
            Binary::GreaterOrEqual,
            Binary::Match,
            Binary::NoMatch,
        ];
        ALL.into_iter().find(|binary| binary.sign() == sign)
    }

    /// Which one binds tighter.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Equal | Self::Unequal | Self::Match | Self::NoMatch => 5,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 6,
            Self::Union => 7,
            Self::Intersection => 8,
            Self::Append => 9,
            Self::Add | Self::Subtract => 10,
            Self::Multiply | Self::Divide | Self::Remainder => 11,
        }
    }
}
