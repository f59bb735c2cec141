//! The parts of a formula.

use super::int::Int;
use super::words::{Function, Method};

/// A part of a formula.
#[derive(Debug)]
pub(super) struct Node {
    /// The place, in characters from 0.
    pub(super) at: usize,
    /// How deep parts nest in it, itself included.
    pub(super) height: usize,
    pub(super) kind: Kind,
}

/// What a part of a formula is.
#[derive(Debug)]
pub(super) enum Kind {
    Literal(Literal),
    /// A quoted text; with holes, whose texts are put in.
    Quoted(Vec<Piece>),
    Name(String),
    /// The value of a template, by its number.
    Hole(usize),
    List(Vec<Node>),
    Set(Vec<Node>),
    Dict(Vec<(Node, Node)>),
    Each(Box<Each>),
    Sign(Sign, Box<Node>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    If(Box<Choice>),
    /// A value by its name.
    Key(Box<Node>, String),
    Index(Box<[Node; 2]>),
    Slice(Box<Node>, Box<Slice>),
    Method(Method, Box<Node>, Vec<Node>),
    Call(Function, Vec<Node>),
}

/// A constant.
#[derive(Debug, Clone)]
pub(super) enum Literal {
    None,
    Bool(bool),
    Int(Int),
    Float(f64),
}

/// A stretch of a quoted text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(String),
    Hole(usize),
}

/// A comprehension.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) shape: Shape,
    pub(super) element: Node,
    pub(super) names: Vec<String>,
    pub(super) over: Node,
    pub(super) conditions: Vec<Node>,
}

/// What a comprehension makes.
#[derive(Debug)]
pub(super) enum Shape {
    List,
    Set,
    /// A dict, of the element as the key and this value.
    Dict(Node),
}

/// A conditional expression.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) test: Node,
    pub(super) then: Node,
    pub(super) other: Node,
}

/// The ends and the step of a slice.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) from: Option<Node>,
    pub(super) to: Option<Node>,
    pub(super) step: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

impl Arithmetic {
    pub(super) const fn spelled(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "**",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
    NotIn,
    Is,
    IsNot,
}

impl Node {
    /// Returns the parts that a part is made of.
    pub(super) fn children(&self) -> Vec<&Self> {
        self.kind.children()
    }
}

impl Kind {
    pub(super) fn children(&self) -> Vec<&Node> {
        match self {
            Self::Literal(_) | Self::Quoted(_) | Self::Name(_) | Self::Hole(_) => Vec::new(),
            Self::List(nodes)
            | Self::Set(nodes)
            | Self::And(nodes)
            | Self::Or(nodes)
            | Self::Call(_, nodes) => nodes.iter().collect(),
            Self::Dict(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::Each(each) => each.children(),
            Self::Sign(_, node) | Self::Not(node) | Self::Key(node, _) => vec![node],
            Self::Arithmetic(_, nodes) | Self::Index(nodes) => nodes.iter().collect(),
            Self::Compare(first, rest) => before(first, rest.iter().map(|(_, node)| node)),
            Self::If(choice) => vec![&choice.test, &choice.then, &choice.other],
            Self::Slice(node, slice) => before(node, slice.ends().into_iter().flatten()),
            Self::Method(_, node, arguments) => before(node, arguments),
        }
    }
}

impl Slice {
    /// Returns where it begins, where it ends, and its step.
    pub(super) fn ends(&self) -> [Option<&Node>; 3] {
        [self.from.as_ref(), self.to.as_ref(), self.step.as_ref()]
    }
}

impl Each {
    fn children(&self) -> Vec<&Node> {
        let mut nodes = vec![&self.over, &self.element];
        if let Shape::Dict(value) = &self.shape {
            nodes.push(value);
        }
        nodes.extend(&self.conditions);
        nodes
    }
}

fn before<'n>(first: &'n Node, rest: impl IntoIterator<Item = &'n Node>) -> Vec<&'n Node> {
    std::iter::once(first).chain(rest).collect()
}
