use std::fmt;

use crate::{
    Result,
    host::Probe,
    values::{Blob, Secret},
};

type WorkOut<T> = Box<dyn Fn(&dyn Probe) -> Result<T> + Send + Sync>;

/// A value that is worked out when it is needed.
pub struct Later<T> {
    work_out: WorkOut<T>,
    /// Known before the value is: what a closure returns may be a [`Secret`].
    secret: bool,
}

/// A property value that is known now, or is worked out just before the step runs.
pub enum Value<T> {
    /// Known when the recipe was compiled.
    Now(T),
    /// Asked for when the step runs.
    Later(Later<T>),
}

/// Chef's `lazy { }`: the closure may read the machine, and runs just before the step that needs the value.
pub fn lazy<T>(work_out: impl Fn(&dyn Probe) -> Result<T> + Send + Sync + 'static) -> Value<T> {
    Value::Later(Later { work_out: Box::new(work_out), secret: false })
}

impl<T: Clone> Value<T> {
    /// The value, read from the machine when it is lazy.
    ///
    /// # Errors
    /// What the closure of a lazy value returned.
    pub fn get(&self, probe: &dyn Probe) -> Result<T> {
        match self {
            Self::Now(value) => Ok(value.clone()),
            Self::Later(later) => (later.work_out)(probe),
        }
    }

    /// The value, when it is known without looking at the machine.
    pub const fn now(&self) -> Option<&T> {
        match self {
            Self::Now(value) => Some(value),
            Self::Later(_) => None,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(value) => value.fmt(f),
            Self::Later(_) => f.write_str("(lazy)"),
        }
    }
}

impl<T> From<T> for Value<T> {
    fn from(value: T) -> Self {
        Self::Now(value)
    }
}

impl From<&str> for Value<String> {
    fn from(value: &str) -> Self {
        Self::Now(value.to_owned())
    }
}

/// Content of a file: bytes, and whether they are secret. Made from text, bytes or a [`Secret`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub blob: Blob,
    /// Whether they must never be shown.
    pub secret: bool,
}

impl From<Blob> for Content {
    fn from(blob: Blob) -> Self {
        Self { blob, secret: false }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Blob::from(text).into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Blob::from(text.into_bytes()).into()
    }
}

impl From<&String> for Content {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Blob::from(bytes).into()
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Blob::from(bytes.to_vec()).into()
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<Secret> for Content {
    fn from(secret: Secret) -> Self {
        Self { blob: Blob::from(secret.expose()), secret: true }
    }
}

impl From<&Secret> for Content {
    fn from(secret: &Secret) -> Self {
        Self::from(secret.clone())
    }
}

impl Value<Content> {
    /// Whether it must never be shown; of a lazy value it is known by the type its closure returns.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        match self {
            Self::Now(content) => content.secret,
            Self::Later(later) => later.secret,
        }
    }
}

macro_rules! now {
    ($($from:ty),+) => {$(
        impl From<$from> for Value<Content> {
            fn from(content: $from) -> Self {
                Self::Now(content.into())
            }
        }
    )+};
}
now!(&str, String, &String, Vec<u8>, &[u8], Secret, &Secret, Blob);

impl<C: Into<Content> + 'static> From<Value<C>> for Value<Content>
where
    C: NotContent,
{
    fn from(value: Value<C>) -> Self {
        match value {
            Value::Now(content) => Self::Now(content.into()),
            Value::Later(Later { work_out, .. }) => Self::Later(Later {
                work_out: Box::new(move |probe| work_out(probe).map(Into::into)),
                secret: C::SECRET,
            }),
        }
    }
}

/// Types other than `Content` that a lazy value may give where content is wanted.
pub trait NotContent {
    /// Whether it must never be shown.
    const SECRET: bool = false;
}
impl NotContent for String {}
impl NotContent for Vec<u8> {}
impl NotContent for Secret {
    const SECRET: bool = true;
}
impl NotContent for &'static str {}
