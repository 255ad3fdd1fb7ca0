//! A run over a list, from start to summary, for programs that are not async themselves.

use std::fmt;
use std::path::PathBuf;

use gather_core::{Config, Record};

use crate::live::Live;
use crate::summary::Summary;
