//! The settings that decide what a run's records say, and how a change of one is told.

use std::fmt;

/// A setting that decides what the records say, in a form that can be compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as the user knows it.
    pub name: Box<str>,
    /// Its value.
    pub value: SettingValue,
}

/// The value of a setting.
#[derive(Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// May be shown.
    Plain(Box<str>),
    /// Is kept as a salted hash only, and never shown.
    Secret(Box<[u8]>),
}

impl Setting {
    /// One that may be shown.
    pub fn plain(name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), value: SettingValue::Plain(value.into()) }
    }

    /// One that may not.
    pub fn secret(name: impl Into<Box<str>>, value: impl Into<Box<[u8]>>) -> Self {
        Self { name: name.into(), value: SettingValue::Secret(value.into()) }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            SettingValue::Plain(value) => write!(f, "{}={value:?}", self.name),
            SettingValue::Secret(_) => write!(f, "{}=(secret)", self.name),
        }
    }
}

/// A setting that is not what it was when the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: Box<str>,
    /// What it was; `None` if it was not set.
    pub was: Option<Shown>,
    /// What it is now; `None` if it is not set.
    pub is: Option<Shown>,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The value.
    Plain(Box<str>),
    /// There is one, and it is not told.
    Secret,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.was, &self.is) {
            (Some(Shown::Plain(was)), Some(Shown::Plain(is))) => {
                write!(f, "{} was {was:?} and is {is:?}", self.name)
            }
            (Some(Shown::Plain(was)), None) => {
                write!(f, "{} was {was:?} and is not given", self.name)
            }
            (None, Some(Shown::Plain(is))) => {
                write!(f, "{} was not given and is {is:?}", self.name)
            }
            (Some(_), Some(_)) => write!(f, "{} has changed", self.name),
            (Some(_), None) => write!(f, "{} was given and is not", self.name),
            (None, _) => write!(f, "{} was not given and is", self.name),
        }
    }
}
